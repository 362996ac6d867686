import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Resolver } from '../../src/upstream/resolver.ts';
import { ManualSystem, turn } from './support.ts';

const HOUR_MS = 3_600_000;

function resolving() {
  const system = new ManualSystem();
  // No jitter.
  system.chance = 0.5;
  const events: string[] = [];
  const resolver = new Resolver('nats', system, {
    onAddresses: (addresses) => void events.push(`addresses ${addresses.join(' ')}`),
    onLookup: (outcome, cause) => void events.push(cause === undefined ? outcome : `${outcome} ${cause}`),
  });
  return { system, events, resolver };
}

test('an answer is asked for again after 10 s, a failure after 1 s', async () => {
  const { system, events, resolver } = resolving();
  system.answers.set('nats', []);
  resolver.start();
  await system.advance(999);
  assert.equal(system.lookups.length, 1);
  system.answers.set('nats', ['10.0.0.1', '10.0.0.1', '10.0.0.2']);
  await system.advance(1);
  assert.equal(system.lookups.length, 2);
  await system.advance(9999);
  assert.equal(system.lookups.length, 2);
  await system.advance(1);
  assert.equal(system.lookups.length, 3);
  assert.deepEqual(events.slice(0, 3), ['failed no address', 'addresses 10.0.0.1 10.0.0.2', 'ok']);
  resolver.close();
  assert.equal(system.timers, 0);
});

test('an answer that is an hour old is given up once, and asked for each second from then on', async () => {
  const { system, events, resolver } = resolving();
  system.answers.set('nats', ['10.0.0.1']);
  resolver.start();
  await turn();
  system.answers.set('nats', Object.assign(new Error('broken'), { code: 'ESERVFAIL' }));
  await system.advance(HOUR_MS);
  assert.equal(events.includes('addresses '), false);
  await system.advance(10_000);
  const { length } = system.lookups;
  await system.advance(10_000);
  assert.equal(system.lookups.length, length + 10);
  assert.equal(events.filter((event) => event === 'addresses ').length, 1);
  assert.equal(events.at(-1), 'failed ESERVFAIL');
  resolver.close();
});

test('a name with very many addresses counts with 64', async () => {
  const { system, events, resolver } = resolving();
  system.answers.set(
    'nats',
    Array.from({ length: 100 }, (_, index) => `10.0.0.${index}`),
  );
  resolver.start();
  await turn();
  assert.equal(events[0]?.split(' ').length, 1 + 64);
  resolver.close();
});

test('a lookup that ends after the close changes nothing, and is the last', async () => {
  const { system, events, resolver } = resolving();
  const asked = Promise.withResolvers<readonly string[]>();
  system.resolve = (host) => {
    system.lookups.push(host);
    return asked.promise;
  };
  resolver.start();
  resolver.close();
  assert.equal(system.timers, 0, 'neither its deadline nor the next one');
  asked.resolve(['10.0.0.1']);
  await turn();
  assert.deepEqual(events, []);
  assert.equal(system.timers, 0);
  await system.advance(HOUR_MS);
  assert.equal(resolver.fresh(), undefined);
  assert.equal(system.lookups.length, 1);
});

test('a late answer is said to be late, and used', async () => {
  const { system, events, resolver } = resolving();
  const asked = Promise.withResolvers<readonly string[]>();
  system.resolve = () => asked.promise;
  resolver.start();
  await system.advance(1999);
  assert.deepEqual(events, []);
  await system.advance(1);
  assert.deepEqual(events, ['late no answer within 2000 ms']);
  asked.resolve(['10.0.0.1']);
  await turn();
  assert.deepEqual(events.slice(1), ['addresses 10.0.0.1', 'ok']);
  resolver.close();
});

test('one lookup at a time, and none within a second of the last', async () => {
  const { system, resolver } = resolving();
  system.answers.set('nats', ['10.0.0.1']);
  resolver.start();
  await resolver.fresh();
  await system.advance(999);
  assert.equal(resolver.fresh(), undefined);
  await system.advance(1);
  const fresh = resolver.fresh();
  assert.ok(fresh !== undefined && fresh === resolver.fresh());
  await fresh;
  assert.equal(system.lookups.length, 2);
  resolver.close();
  assert.equal(system.timers, 0);
});
