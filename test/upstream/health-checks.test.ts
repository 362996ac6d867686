import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Places } from '../../src/places.ts';
import type { Endpoint } from '../../src/upstream/endpoint.ts';
import type { HealthAnswer, HealthProbe } from '../../src/upstream/health.ts';
import { HealthChecks } from '../../src/upstream/health-checks.ts';
import { turn } from './support.ts';

const OK: HealthAnswer = { outcome: 'ok', cause: undefined };
const endpoint = (address: string): Endpoint => ({ target: { address } }) as Endpoint;

test('an address that is gone while its check waits for a place is asked no more', async () => {
  const asked: string[] = [];
  const answers = new Map<string, (answer: HealthAnswer) => void>();
  const makeProbe = (address: string): HealthProbe => ({
    ask: () => {
      asked.push(address);
      return new Promise((resolve) => answers.set(address, resolve));
    },
    close: () => {},
  });
  const places = new Places(1);
  const seen: Endpoint[] = [];
  const checks = new HealthChecks(makeProbe, places, (one) => seen.push(one));
  const [first, gone, last] = [endpoint('10.0.0.1'), endpoint('10.0.0.2'), endpoint('10.0.0.3')];
  checks.run([first, gone, last]);
  assert.deepEqual(asked, ['10.0.0.1']);
  checks.keepOnly([first, last]);
  answers.get('10.0.0.1')!(OK);
  await turn();
  assert.deepEqual(asked, ['10.0.0.1', '10.0.0.3']);
  assert.deepEqual(seen, [first]);
  // What answers after it is gone tells nobody anything, but gives its place back.
  checks.close();
  answers.get('10.0.0.3')!(OK);
  await turn();
  assert.deepEqual(seen, [first]);
  assert.equal(places.taken, 0);
});
