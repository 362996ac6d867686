import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Allowance } from '../../src/capture/allowance.ts';
import { Recording } from '../../src/capture/recording.ts';
import { Inspected } from '../inspect/inspected.ts';
import { HEADER } from './support.ts';

/** The last operation of what the client and the server say. */
function recorded({ client = '', server = '' }): { readonly [key: string]: unknown } {
  const recording = new Recording(1024 * 1024, new Allowance(1));
  const session = Inspected.connected('observe');
  session.inspector.watch(recording);
  session.toUpstream(Buffer.from(client)).toClient(Buffer.from(server));
  return JSON.parse(recording.text(HEADER).trim().split('\n').at(-1) as string);
}

const hpub = (block: string, body = ''): string =>
  `HPUB a ${block.length} ${block.length + body.length}\r\n${block}${body}\r\n`;

test('a header value that goes on in the next line is no header name', () => {
  const { hn } = recorded({
    client: hpub('NATS/1.0\r\nA: x\r\n HVCANARY:zz\r\n\tHVCANARY:y\r\nB:x\r\n\r\n'),
  });
  assert.deepEqual(hn, ['A', 'B']);
});

test('a header value with a line feed or a blank in front of a colon is no header name', () => {
  const { hn } = recorded({ client: hpub('NATS/1.0\r\nA: x\nHVCANARY:zz\r\nHV CANARY:y\r\nB:x\r\n\r\n') });
  assert.deepEqual(hn, ['A', 'B']);
});

test('a payload that is counted as headers is not read as headers', () => {
  const { hn } = recorded({ client: hpub('NATS/1.0\r\nA: x\r\n\r\nPAYLOAD:zz\r\n\r\n') });
  assert.deepEqual(hn, ['A']);
});

test('an -ERR has no whole inbox, however it is quoted', () => {
  const inbox = '_INBOX.ABCDEFGHIJKLMNOP.0123456789';
  const { text } = recorded({
    server: `-ERR 'Permissions Violation for Subscription to "${inbox}" using queue "q", not ${inbox}'\r\n`,
  });
  const short = '_INBOX.IJKLMNOP.23456789';
  assert.equal(text, `'Permissions Violation for Subscription to "${short}" using queue "q", not ${short}'`);
});

test('a subject has no whole inbox, wherever it begins in it and whatever is in it', () => {
  const { subj, reply } = recorded({
    client: `PUB a._INBOX.ABCDEFGHIJKLMNOP.x _INBOX.AB"CDEFGHIJKLMNOP 0\r\n\r\n`,
  });
  assert.deepEqual([subj, reply], ['a._INBOX.IJKLMNOP.x', '_INBOX.IJKLMNOP']);
});
