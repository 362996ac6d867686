import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { answer } from '../../src/listener/answer.ts';
import { healthResponse } from '../../src/listener/health-answer.ts';
import { refusalResponse } from '../../src/listener/http-refusal.ts';
import { socketPair } from '../support/socket-pair.ts';

/** All that the other side gets. */
async function answered(write: (socket: Socket) => void): Promise<string> {
  await using pair = await socketPair(false);
  write(pair.near);
  return await text(pair.far);
}

test('clients that are to come again later come in 1 to 10 s', async (t) => {
  for (const [chance, seconds] of [
    [0, 1],
    [0.55, 6],
    [0.999, 10],
  ] as const) {
    t.mock.method(Math, 'random', () => chance);
    const response = await answered((socket) => answer(socket, 'over_capacity'));
    assert.equal(response, refusalResponse('over_capacity', { retryAfterSeconds: seconds }).toString());
    assert.match(response, new RegExp(`\r\nRetry-After: ${seconds}\r\n`));
  }
});

test('the first answer of a connection is its last', async () => {
  const response = await answered((socket) => {
    socket.cork();
    answer(socket, 'timeout', { head: true });
    answer(socket, 'version');
    socket.uncork();
  });
  assert.equal(response, refusalResponse('timeout', { head: true }).toString());
});

test('health for load balancers: the status, a word for people, and no word after HEAD', () => {
  const parts = (ready: boolean, head: boolean): string[] =>
    healthResponse(ready, head).toString().split('\r\n');
  for (const [ready, status, body] of [
    [true, 'HTTP/1.1 200 OK', 'ready\n'],
    [false, 'HTTP/1.1 503 Service Unavailable', 'not ready\n'],
  ] as const) {
    const [first, ...lines] = parts(ready, false);
    assert.equal(first, status);
    assert.ok(lines.includes(`Content-Length: ${body.length}`));
    assert.equal(lines.at(-1), body);
    assert.deepEqual(parts(ready, true), [first, ...lines.slice(0, -1), '']);
  }
});
