import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Authorizer } from '../../src/auth/authorizer.ts';
import { NotGranted } from '../../src/auth/details.ts';
import { Gate } from '../../src/auth/gate.ts';
import { RemoteKeySets } from '../../src/auth/jwks.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { Issuer, seconds, secretToken, signingKey, token as tokenBy } from '../support/issuer.ts';

const SECRET = Buffer.alloc(32, 7);
const CLIENT = { route: 'default', address: '192.0.2.1', origin: undefined, tls: false };

async function detailOf(authorizer: Authorizer, token: string): Promise<string> {
  const header = (name: string): readonly string[] => (name === 'authorization' ? [`Bearer ${token}`] : []);
  try {
    return (await authorizer.authorize({ target: '/', header, client: CLIENT }, AbortSignal.timeout(30_000)))
      .detail;
  } catch (error) {
    return error instanceof NotGranted ? error.detail : String(error);
  }
}

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
  const detail = (): Promise<string> => detailOf(authorizer, token);
  assert.deepEqual([await detail(), await detail()], ['verified', 'cached']);
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 11_000 });
  assert.equal(await detail(), 'token_expired');
});

test('keys that are exchanged while a token waits decide nothing about it', async () => {
  const [old, exchanged] = [signingKey('one'), signingKey('one')];
  await using issuer = await Issuer.start(old);
  const keySets = new RemoteKeySets(() => {});
  const gate = new Gate(1);
  const keys = keysAt(issuer.url, { cooldownMs: 0 });
  const authorizer = new Authorizer(testAuth(testIssuer(keys)), { gate, keySets, onWebhookAnswer: () => {} });
  const detail = (token: string): Promise<string> => detailOf(authorizer, token);
  const [byOld, byExchanged] = [old, exchanged].map((key) => tokenBy(key, issuer.claims())) as [
    string,
    string,
  ];
  const unknown = (): Promise<string> => detail(tokenBy(signingKey('unknown'), issuer.claims()));
  assert.equal(await detail(issuer.token({ sub: 'bob' })), 'verified');
  const { promise: busy, resolve: free } = Promise.withResolvers<void>();
  const holder = gate.run(() => busy, AbortSignal.timeout(30_000));
  const waiting = [detail(byOld), detail(byExchanged)];
  issuer.keys = [exchanged];
  // The first makes it fetch the other key, and with the second what was remembered before is forgotten.
  assert.deepEqual([await unknown(), await unknown()], ['token_key_unknown', 'token_key_unknown']);
  free();
  await holder;
  assert.deepEqual(await Promise.all(waiting), ['token_signature', 'verified']);
  // Neither was remembered.
  assert.deepEqual([await detail(byOld), await detail(byExchanged)], ['token_signature', 'verified']);
  keySets.close();
});
