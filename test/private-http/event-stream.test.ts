import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { EventStream } from '../../src/private-http/event-stream.ts';
import { PrivateServer } from '../../src/private-http/server.ts';

const MAX_STREAMS = 32;

async function serve(t: TestContext) {
  const events = new EventStream();
  const options = { hosts: () => [], hostless: [], brief: [], maxConnections: 2 * MAX_STREAMS };
  const server = new PrivateServer(options);
  server.routes.get('/events', (exchange) => events.answer(exchange));
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  t.after(async () => {
    events.close();
    await server.close();
  });
  const ask = (method = 'GET'): Socket => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.write(`${method} /events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return socket;
  };
  const status = async (socket: Socket): Promise<number> => {
    const [head] = (await once(socket, 'data')) as [Buffer];
    return Number(/^HTTP\/1\.1 (\d+)/.exec(String(head))?.[1]);
  };
  return { events, ask, status };
}

/** A connection's place is free when one more gets the stream. */
async function untilFree({ ask, status }: Awaited<ReturnType<typeof serve>>): Promise<void> {
  for (;;) {
    const socket = ask();
    const answered = await status(socket);
    socket.destroy();
    if (answered === 200) return;
  }
}

test('HEAD takes no stream', async (t) => {
  const served = await serve(t);
  for (let count = 0; count < 2 * MAX_STREAMS; count++) {
    const socket = served.ask('HEAD');
    assert.equal(await served.status(socket), 200);
    socket.destroy();
  }
});

test('a page that has gone makes room, at the next keep-alive at the latest', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const served = await serve(t);
  const pages = Array.from({ length: MAX_STREAMS }, () => served.ask());
  for (const page of pages) assert.equal(await served.status(page), 200);
  assert.equal(await served.status(served.ask()), 503);
  pages[0]?.destroy();
  // The first write may be the one that shows it; then it is seen.
  t.after(everyTurn(() => t.mock.timers.tick(15_000)));
  await untilFree(served);
});

test('a page that does not read is dropped, the others follow on', async (t) => {
  const served = await serve(t);
  const [reader, sleeper] = [served.ask(), served.ask()];
  for (const page of [reader, sleeper]) assert.equal(await served.status(page), 200);
  sleeper.pause();
  let ended = false;
  sleeper.once('close', () => {
    ended = true;
  });
  let read = 0;
  let last = '';
  reader.on('data', (chunk: Buffer) => {
    read += chunk.length;
    last = String(chunk);
  });
  // Far more than the kernel takes for a reader who sleeps.
  const line = 'x'.repeat(64 * 1024);
  const lines = 400;
  for (let count = 0; count < lines; count++) {
    served.events.line(line);
    while (read < (count + 1) * line.length) await once(reader, 'data');
  }
  assert.match(last, /\n\n/);
  sleeper.resume();
  while (!ended) await once(sleeper, 'close');
  reader.destroy();
});

/** Runs `work` in each turn until the function that it gives is called. */
function everyTurn(work: () => void): () => void {
  let next: NodeJS.Immediate;
  const turn = (): void => {
    work();
    next = setImmediate(turn);
  };
  turn();
  return () => clearImmediate(next);
}
