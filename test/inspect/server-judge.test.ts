import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { realNatsServer } from '../support/nats.ts';
import { type Row, VECTORS } from './line-vectors.ts';

/** What a nats-server goes on after and an enforcer refuses all the same. No client library writes any of it. */
const REFUSED: readonly { readonly form: RegExp; readonly why: string }[] = [
  {
    form: /^[A-Z]+[^\r\n]*\n/,
    why: 'ends with a bare LF: a filter that wants CR LF reads on into the next line',
  },
  { form: /^[^\n]*\r[^\n]/, why: 'a CR in a line: the server keeps or drops it, by where its reads end' },
  { form: /^H?PUB .* 0[0-9]+( [0-9]+)?\r\n/, why: 'zeros before a size: octal to some readers' },
  { form: /^[^\r\n]*(?![\t\r\n])\p{Cc}/u, why: 'control bytes: they travel to subscribers and their logs' },
  { form: /^[^\r]*\xff/, why: 'a name in broken UTF-8: nats.rs ends over it' },
  { form: /^(PING|PONG) ?[a-z]/i, why: 'text after PING or PONG, which has no limit' },
  { form: /^(\+OK|INFO)/, why: 'an operation of a server' },
  { form: /^HPUB /, why: 'a header block that does not begin with NATS/1.0 or has no end' },
  {
    form: /^(UN)?SUB .*(.{65}|\xc3\xa9)\r\n/,
    why: 'a sid that is no number of any library, and a key of the books',
  },
  { form: /^connect/i, why: 'a second CONNECT: another login after the first was judged' },
];

/** What a nats-server hangs up after and an enforcer lets pass: only the server knows its limit. */
const PASSED: readonly RegExp[] = [/^PUB ob\.a 65537\r\n/];

let server: RunningNatsServer;
before(async () => {
  server = await realNatsServer({ config: 'max_payload: 65536' });
});
after(() => server?.close());

/** Sent in one piece, as the vectors are measured. */
async function goesOn(bytes: Buffer): Promise<boolean> {
  const socket = connect({ port: server.port, host: '127.0.0.1' });
  const hello = Buffer.from('CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n');
  socket.on('error', () => {});
  socket.write(Buffer.concat([hello, bytes, Buffer.from('SUB done 9999\r\nPUB done 4\r\nDONE\r\n')]));
  socket.setTimeout(30_000, () => socket.destroy());
  const closed = new Promise<boolean>((resolve) => socket.once('close', () => resolve(false)));
  let text = '';
  const done = new Promise<boolean>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('MSG done 9999 4\r\nDONE')) resolve(true);
    });
  });
  const result = await Promise.race([done, closed]);
  socket.destroy();
  await closed;
  return result;
}

const matching = (text: string) => REFUSED.find(({ form }) => form.test(text));

for (const [name, rows] of Object.entries(VECTORS)) {
  describe(name, () => {
    for (const [text, observe, enforce] of rows as readonly Row[]) {
      if (enforce === 'prefix') continue;
      const title = text.length > 60 ? `${text.slice(0, 30)}… (${text.length} bytes)` : text;
      test(`nats-server judges ${JSON.stringify(title)} as we do, or it is known why not`, async () => {
        const bytes = Buffer.from(text, 'latin1');
        const on = await goesOn(bytes);
        if (on) assert.ok(enforce === 'pass' || matching(text) !== undefined, 'a real server takes it');
        else assert.ok(enforce === 'refuse' || PASSED.some((form) => form.test(text)), 'the server hangs up');
        // A lone CR is read by segmentation: nobody can say how.
        if (!/^[^\n]*\r[^\n]/.test(text) && !PASSED.some((form) => form.test(text)))
          assert.equal(observe, on ? 'ok' : 'stop');
      });
    }
  });
}

test('each reason to refuse what a server takes is one that is met', () => {
  const refused = Object.values(VECTORS)
    .flat()
    .filter(([, , enforce]) => enforce === 'refuse')
    .map(([text]) => matching(text)?.why);
  for (const { why } of REFUSED) assert.ok(refused.includes(why), why);
});
