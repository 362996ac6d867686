import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Authorizer } from '../../src/auth/authorizer.ts';
import { NotGranted } from '../../src/auth/details.ts';
import { Gate } from '../../src/auth/gate.ts';
import { RemoteKeySets } from '../../src/auth/jwks.ts';
import { testAuth, testIssuer } from '../support/auth-config.ts';
import { seconds, secretToken } from '../support/issuer.ts';

const SECRET = Buffer.alloc(32, 7);
const CLIENT = { route: 'default', address: '192.0.2.1', origin: undefined, tls: false };

test('a token that is remembered is too old at the same moment as one that is not', async (t) => {
  const issuer = testIssuer(
    { kind: 'secret', secret: () => SECRET },
    { algorithms: ['HS256'], maxAgeMs: 3_600_000, toleranceMs: 5000 },
  );
  const authorizer = new Authorizer(testAuth(issuer), {
    gate: new Gate(),
    keySets: new RemoteKeySets(() => {}),
    onWebhookAnswer: () => {},
  });
  const claims = { iss: 'https://id.example', aud: 'nats-web', sub: 'alice', exp: seconds(600) };
  const token = secretToken(SECRET, { ...claims, iat: seconds(-3595) });
  const header = (name: string): readonly string[] => (name === 'authorization' ? [`Bearer ${token}`] : []);
  const detail = async (): Promise<string> => {
    try {
      return (
        await authorizer.authorize({ target: '/', header, client: CLIENT }, AbortSignal.timeout(30_000))
      ).detail;
    } catch (error) {
      return error instanceof NotGranted ? error.detail : String(error);
    }
  };
  assert.deepEqual([await detail(), await detail()], ['verified', 'cached']);
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 11_000 });
  assert.equal(await detail(), 'token_expired');
});
