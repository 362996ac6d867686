import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { authTry } from '../../src/cli/auth-try.ts';
import { Issuer, seconds, secretToken, signingKey } from '../support/issuer.ts';
import { KIND, newKey, seedOf } from '../support/nkeys.ts';
import { natsgate } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

type Run = { readonly code: number; readonly out: string; readonly err: string };

const SECRET = 'a shared secret of more than 32 bytes';
const account = newKey(KIND.account).publicKey;
const seed = seedOf(KIND.account);
const jwt = {
  issuer: 'https://id.example',
  audience: 'nats-web',
  algorithms: 'HS256',
  keys: { secretFile: 'secret' },
};
const auth = { from: [{ cookie: '__Host-session' }], jwt: [jwt], identity: { tenant: 'org' } };
const claims = { iss: jwt.issuer, aud: jwt.audience, sub: 'alice', org: 'acme', exp: seconds(600) };
const base = { origins: 'https://app.example.com', upstream: 'nats://nats.invalid', auth };
const mint = { kind: 'mint', seedFile: 'seed', account, tags: { tenant: '{tenant}' }, name: '[{user}]' };

async function tried(
  settings: object,
  token: string,
  flags: Readonly<Record<string, string>> = {},
): Promise<Run> {
  await using folder = await temporaryFolder();
  const files = { secret: SECRET, seed, token: `${token}\n`, 'natsgate.yaml': JSON.stringify(settings) };
  for (const [name, text] of Object.entries(files))
    await writeFile(join(folder.path, name), text, { mode: 0o400 });
  const source = { file: join(folder.path, 'natsgate.yaml'), flags: {}, env: {} };
  const lines: { readonly out: string[]; readonly err: string[] } = { out: [], err: [] };
  const io = {
    out: (line: string) => void lines.out.push(`${line}\n`),
    err: (line: string) => void lines.err.push(`${line}\n`),
  };
  const code = await authTry(source, { tokenFile: join(folder.path, 'token'), ...flags }, io);
  const run = { out: lines.out.join(''), err: lines.err.join('') };
  assert.ok(![token, SECRET, seed].some((secret) => secret !== '' && (run.out + run.err).includes(secret)));
  return { code, ...run };
}

test('a good token: who it is, when the session ends, and the CONNECT without its secrets', async () => {
  const { code, out, err } = await tried({ ...base, connect: mint }, secretToken(SECRET, claims));
  assert.deepEqual([code, err], [0, '']);
  const ends = new Date((claims.exp + 30) * 1000).toISOString();
  assert.match(out, /^verdict {4}granted\ndetail {5}verified\nuser {7}alice\ntenant {5}acme\n/);
  assert.ok(out.includes(`ends       ${ends}\n`), out);
  assert.ok(
    out.includes(
      'connect    CONNECT {"verbose":false,"name":"[alice]","jwt":"(redacted)","sig":"(redacted)"}\n',
    ),
  );
  assert.match(out, /\nbytes {6}7\d\d of 4096 /);
  const user = JSON.parse(/^user JWT {3}(.*)$/m.exec(out)?.[1] ?? '') as {
    name: string;
    nats: { tags: string[] };
  };
  assert.deepEqual([user.name, user.nats.tags], ['alice', ['tenant:acme']]);
});

test('the token itself is not shown where it is the login', async () => {
  const token = secretToken(SECRET, claims);
  const { code, out } = await tried({ ...base, connect: { kind: 'token' } }, token);
  assert.equal(code, 0);
  assert.match(out, /\nconnect {4}CONNECT \{"verbose":false,"auth_token":"\(redacted\)"\}\n/);
  assert.match((await tried(base, token)).out, /\nconnect {4}as the client writes it\n/);
});

test('a token that does not count: the words of the log, exit 1', async () => {
  for (const [token, detail, outcome, settings] of [
    ['', 'token_malformed', 'unauthenticated', base],
    ['nonsense', 'token_malformed', 'unauthenticated', base],
    [secretToken('another', claims), 'token_signature', 'unauthenticated', base],
    [secretToken(SECRET, { ...claims, exp: seconds(-60) }), 'token_expired', 'unauthenticated', base],
    [secretToken(SECRET, { ...claims, org: undefined }), 'claim_unusable', 'forbidden', base],
    [
      secretToken(SECRET, { ...claims, org: 'a.*' }),
      'claim_unusable',
      'forbidden',
      { ...base, connect: mint },
    ],
  ] as const) {
    const { code, out } = await tried(settings, token);
    assert.equal(code, 1);
    assert.match(out, new RegExp(`^verdict    refused\ndetail     ${detail}.*\noutcome    ${outcome}\n$`));
  }
});

test('keys by URL are fetched, and their absence is not a refusal', async () => {
  await using issuer = await Issuer.start(signingKey('one'));
  const { algorithms: _, ...others } = jwt;
  const settings = { ...base, auth: { ...auth, jwt: [{ ...others, keys: { url: issuer.url } }] } };
  const token = issuer.token({ org: 'acme' });
  assert.equal((await tried(settings, token)).code, 0);
  issuer.answer = (_request, response) => response.writeHead(500).end();
  const { code, out, err } = await tried(settings, token);
  assert.deepEqual([code, /^verdict {4}unavailable\ndetail {5}keys_unavailable/.test(out)], [1, true], out);
  assert.match(err, /^natsgate auth try: keys could not be fetched: /);
});

test('a route has its own rules', async () => {
  const routes = [
    { path: '/programs', auth: { ...auth, from: [{ header: 'authorization' }], identity: {} } },
    { path: '/open', auth: 'off' },
  ];
  const token = secretToken(SECRET, claims);
  const { code, out } = await tried({ ...base, routes }, token, { route: '/programs' });
  assert.equal(code, 0);
  assert.doesNotMatch(out, /tenant/);
  for (const [route, said] of [
    ['/open', /route \/open has no auth: nobody is asked/],
    ['/other', /the configuration has no route "\/other"; write one of default, \/programs, \/open/],
  ] as const) {
    const other = await tried({ ...base, routes }, token, { route });
    assert.deepEqual([other.code, other.out], [1, '']);
    assert.match(other.err, said);
  }
});

test('wrong usage, and what cannot be read', async () => {
  for (const [args, said] of [
    [['auth'], /^natsgate: auth wants try after it; see natsgate auth --help\n$/],
    [['auth', 'try'], /^natsgate: auth try wants --token-file; see/],
  ] as const) {
    const { code, err } = await natsgate([...args]);
    assert.equal(code, 2);
    assert.match(err, said);
  }
  const { code, err } = await natsgate(['auth', 'try', '--token-file', 'x', '--origin', 'self']);
  assert.deepEqual([code, err], [2, 'natsgate: auth takes no --origin; see natsgate auth --help\n']);
  const missing = await tried(base, '', { tokenFile: '/nowhere' });
  assert.deepEqual([missing.code, missing.out], [1, '']);
  assert.match(missing.err, /--token-file: "\/nowhere" cannot be read/);
  assert.match((await tried({ ...base, upstream: 'http://x' }, '')).err, /upstream/);
});
