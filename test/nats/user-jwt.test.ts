import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionTypesOfJwt } from '../../src/nats/user-jwt.ts';

const jwt = (claims: unknown): string =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
const limitedTo = (types: unknown): readonly string[] | undefined =>
  connectionTypesOfJwt(jwt({ nats: { allowed_connection_types: types } }));

test('the connection types of a user JWT, and nothing of what else it may say', () => {
  assert.deepEqual(limitedTo(['WEBSOCKET']), ['WEBSOCKET']);
  assert.deepEqual(limitedTo(['websocket', 'STANDARD', '<script>', 7]), ['STANDARD', 'WEBSOCKET']);
  assert.deepEqual(limitedTo(['nonsense']), []);
  for (const none of [undefined, [], 'WEBSOCKET', {}]) assert.equal(limitedTo(none), undefined);
  for (const text of ['', 'a.b', 'a.!!.c', jwt(null), jwt([]), `${jwt({})}${'x'.repeat(20_000)}`])
    assert.equal(connectionTypesOfJwt(text), undefined);
});
