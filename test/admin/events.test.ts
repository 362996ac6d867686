import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ADMIN_CONNECTIONS } from '../../src/admin/admin-server.ts';
import { EVENTS, Events, type EventsSource } from '../../src/admin/api/events.ts';
import { answer } from '../../src/private-http/answer.ts';
import { DEADLINES } from '../../src/private-http/connection.ts';
import { STREAM_PLACES, WATCH_PLACES } from '../../src/private-http/port.ts';
import { PrivateServer } from '../../src/private-http/server.ts';
import { RawClient } from '../support/raw-client.ts';

/** An events stream whose seconds pass when the test says so, with how often the numbers were read. */
async function serve(t: TestContext, text = 'x') {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const reads = { begun: 0, seconds: 0 };
  const source = {
    status: {
      seconds: () => {
        reads.begun++;
        return { next: () => ({ number: ++reads.seconds, text }) };
      },
    },
  } as unknown as EventsSource;
  const events = new Events(source);
  const held = Promise.withResolvers<void>();
  const server = new PrivateServer({
    hosts: () => [],
    hostless: [],
    brief: ['/livez'],
    streams: [EVENTS],
    maxConnections: ADMIN_CONNECTIONS,
    // What a stream that nobody reads is ended by here is its size alone.
    deadlines: { ...DEADLINES, takeMs: 600_000 },
  });
  events.addTo(server.routes);
  server.routes.get('/livez', (exchange) => answer(exchange, 'ok\n'));
  server.routes.get('/held', async (exchange) => {
    await held.promise;
    return answer(exchange, 'x');
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  t.after(async () => {
    held.resolve();
    events.endAll();
    await server.close();
  });
  const status = async (path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  const tick = (): void => t.mock.timers.tick(1000);
  return { events, port, reads, tick, status, server, held };
}

/** A page that follows, when its stream has begun. */
async function follow(port: number, headers = ''): Promise<Page> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write(`GET /api/events HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`);
  const page = new Page(socket);
  await page.until((text) => text.includes('retry: 1000'));
  return page;
}

class Page {
  readonly socket: Socket;
  text = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.text += String(chunk);
    });
  }

  async until(isSo: (text: string) => boolean): Promise<void> {
    while (!isSo(this.text)) await once(this.socket, 'data');
  }

  get ids(): number[] {
    return [...this.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  }

  get numbers(): number[] {
    return [...this.text.matchAll(/"number":(\d+)/g)].map(([, number]) => Number(number));
  }
}

test('nothing is read and no timer runs while nobody listens', async (t) => {
  const { port, reads, tick } = await serve(t);
  for (let second = 0; second < 10; second++) tick();
  assert.deepEqual(reads, { begun: 0, seconds: 0 });
  const page = await follow(port);
  tick();
  await page.until((text) => text.includes('"number":1'));
  assert.match(page.text, /^id: \d+\nevent: second\ndata: \{"number":1,"text":"x"\}\n\n/m);
  page.socket.destroy();
  // The server learns it by a write.
  const before = (): number => reads.seconds;
  for (let last = -1; last !== before(); ) {
    last = before();
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    tick();
  }
  const seconds = reads.seconds;
  tick();
  assert.equal(reads.seconds, seconds);
  const again = await follow(port);
  tick();
  await again.until((text) => text.includes(`"number":${seconds + 1}`));
  assert.equal(reads.begun, 2);
});

test('a page that comes back gets what it has missed, one that is new what was in the last minute', async (t) => {
  const { port, tick } = await serve(t);
  const first = await follow(port);
  for (let second = 0; second < 70; second++) tick();
  await first.until((text) => text.includes('"number":70'));
  assert.deepEqual(
    first.ids,
    first.ids.toSorted((a, b) => a - b),
  );
  const missed = await follow(port, `Last-Event-ID: ${first.ids.at(-4)}\r\n`);
  await missed.until((text) => text.includes('"number":70'));
  assert.deepEqual(missed.numbers, [68, 69, 70]);
  const fresh = await follow(port);
  await fresh.until((text) => text.includes('"number":70'));
  assert.equal(fresh.numbers.length, 60);
  // Of another run, which began earlier.
  const stale = await follow(port, 'Last-Event-ID: 70\r\n');
  await stale.until((text) => text.includes('"number":70'));
  assert.equal(stale.numbers.length, 60);
});

test('eight pages take no place of a probe or a scraper, nor they theirs; the ninth is refused in a sentence', async (t) => {
  const { port, status, held, server } = await serve(t);
  const long = Array.from({ length: ADMIN_CONNECTIONS - 2 * STREAM_PLACES - WATCH_PLACES }, () =>
    status('/held'),
  );
  const pages = await Promise.all(Array.from({ length: STREAM_PLACES }, () => follow(port)));
  const refusal = await fetch(`http://127.0.0.1:${port}/api/events`);
  assert.equal(refusal.status, 503);
  const { code, detail } = (await refusal.json()) as { code: string; detail: string };
  assert.deepEqual([code, detail], ['streams', '8 pages follow the events already; close one.']);
  const silent = await Promise.all(
    Array.from({ length: 2 * ADMIN_CONNECTIONS }, () => RawClient.connect(port)),
  );
  for (let probe = 0; probe < 10; probe++) assert.equal(await status('/livez'), 200);
  assert.equal(await status('/held'), 503);
  held.resolve();
  for (const one of long) assert.equal(await one, 200);
  assert.ok(server.drops.crowded > 0);
  for (const page of pages) assert.equal(page.socket.destroyed, false);
  for (const client of silent) client.socket.destroy();
});

test('a page that does not read is closed when 1 MiB waits for it; the others follow on', async (t) => {
  const { port, tick } = await serve(t, 'x'.repeat(256 * 1024));
  const [reader, sleeper] = [await follow(port), await follow(port)];
  sleeper.socket.pause();
  let closed = false;
  sleeper.socket.once('close', () => {
    closed = true;
  });
  // Far more than the kernels take for a reader who sleeps.
  for (let second = 1; second <= 60; second++) {
    tick();
    await reader.until((text) => text.includes(`"number":${second},`));
    reader.text = reader.text.slice(-100_000);
  }
  assert.equal(reader.socket.destroyed, false);
  sleeper.socket.resume();
  while (!closed) await once(sleeper.socket, 'close');
  assert.ok(!sleeper.text.includes('"number":60,'));
});
