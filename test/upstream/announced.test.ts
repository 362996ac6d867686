import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InspectLevel, RouteConfig } from '../../src/config/config.ts';
import { NO_INFO } from '../../src/nats/info.ts';
import { AnnouncedWarnings } from '../../src/upstream/announced.ts';

const route = (inspect: InspectLevel, maxFrameBytes = 8_388_608): RouteConfig =>
  ({ inspect, limits: { maxFrameBytes } }) as RouteConfig;

function warnings(): { readonly of: AnnouncedWarnings; readonly lines: () => number } {
  let lines = 0;
  const of = new AnnouncedWarnings(() => lines++);
  return { of, lines: () => lines };
}

test('a server that is dialled for every session is warned of once, and again under another configuration', () => {
  const { of, lines } = warnings();
  const info = { ...NO_INFO, connectUrls: ['10.0.0.1:4222'], maxPayload: 9_000_000 };
  for (let count = 0; count < 3; count++) of.check(info, route('off'));
  assert.equal(lines(), 2);
  of.forget();
  of.check(info, route('observe'));
  assert.equal(lines(), 4);
});

test('max_payload: a frame holds the line of the message too, so one of the same size is too small', () => {
  for (const [maxPayload, frameBytes, expected] of [
    [1_048_576, 1_048_576, 1],
    [1_048_576, 1_048_577, 0],
    [1_048_576, 8_388_608, 0],
    [undefined, 1024, 0],
  ] as const) {
    const { of, lines } = warnings();
    of.check({ ...NO_INFO, maxPayload }, route('enforce', frameBytes));
    assert.equal(lines(), expected, `${maxPayload} in ${frameBytes}`);
  }
});

test('addresses of a cluster are no trouble where every INFO is rewritten', () => {
  const { of, lines } = warnings();
  of.check({ ...NO_INFO, connectUrls: ['10.0.0.1:4222'] }, route('enforce'));
  assert.equal(lines(), 0);
});
