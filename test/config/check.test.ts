import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CheckOptions, check } from '../../src/cli/check.ts';
import type { ConfigSource } from '../../src/config/load.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { selfSigned } from './self-signed.ts';
import { REQUIRED } from './support.ts';

/** Of the documentation of NATS. */
const SEED = 'SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY';
const PUBLIC = 'UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4';

type Run = { readonly code: number; readonly out: string[]; readonly err: string[] };

async function run(
  content: string | undefined,
  flags: ConfigSource['flags'] = {},
  options: CheckOptions = {},
  files: Readonly<Record<string, string>> = {},
): Promise<Run> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'gateway.yaml');
  if (content !== undefined) await writeFile(file, content);
  for (const [name, text] of Object.entries(files))
    await writeFile(join(folder.path, name), text, { mode: 0o400 });
  await writeFile(join(folder.path, 'seed'), SEED, { mode: 0o444 });
  await writeFile(join(folder.path, 'token'), 'CANARY-0123456789abcdef\n', { mode: 0o400 });
  const out: string[] = [];
  const err: string[] = [];
  const bare = (line: string): string => line.replaceAll(`${folder.path}/`, '');
  const io = {
    out: (line: string) => void out.push(bare(line)),
    err: (line: string) => void err.push(bare(line)),
  };
  const source = { ...(content === undefined ? {} : { file }), flags, env: {} };
  const code = await check(source, io, options);
  return { code, out, err };
}

test('seven different mistakes are seven positions with what to write, and exit 1', async () => {
  const { code, out, err } = await run(`listen: 0.0.0.0
origins:
  - nonsense
upstream: tls://nats:4222
limits:
  framebytes: 8MiB
  sessions: 0777
timeouts:
  ping: 5
  ping: 6s
`);
  assert.equal(code, 1);
  assert.deepEqual(out, []);
  assert.deepEqual(
    err.slice(0, -1).map((line) => line.split(': ').slice(0, 2).join(' ')),
    [
      'gateway.yaml:1:9 listen',
      'gateway.yaml:3:5 origins',
      'gateway.yaml:4:11 upstream',
      'gateway.yaml:6:3 limits.framebytes',
      'gateway.yaml:7:13 limits.sessions',
      'gateway.yaml:9:9 timeouts.ping',
      'gateway.yaml:10:3 timeouts.ping',
    ],
  );
  for (const line of err.slice(0, -1)) assert.match(line, /; write |did you mean/);
  assert.equal(err.at(-1), 'natsgate: 7 problems in the configuration');
});

test('a valid configuration is described, without secrets, and exit 0', async () => {
  const { code, out, err } = await run(
    `${REQUIRED}admin: {address: "[::1]:0", tokenFile: token}\nlimits: {sessions: 5, sessionAge: 90m}\ntimeouts: {ping: 1.5s}\ndrain: {delay: 0}\n`,
  );
  assert.deepEqual([code, err], [0, []]);
  assert.deepEqual(out, [
    'natsgate: the configuration is valid',
    '  listens    ws://0.0.0.0:8080 (no TLS)',
    '  admin      http://[::1]:0 (token read)',
    '  origins    https://app.example.com',
    '             without Origin: deny; Origin null: deny',
    '  upstream   nats:4222',
    '  engine     cut-through',
    '  inspect    off (bytes pass unread)',
    '  limits     sessions 5, of one address off; handshakes 300/s, of one address off',
    '             frames up to 8388608 bytes; session age 90m',
    '  timeouts   handshake 5s, ping 1500ms, silence 5m, stall 30s',
    '  drain      after 0s, over 30s',
    '  log        info, text at a terminal, else JSON',
    '  compared   as https://app.example.com',
  ]);
});

test('TLS to the servers and PROXY headers are described', async () => {
  const { code, out } = await run(
    'origins: https://a.example\nupstream: {servers: nats://n, tls: {mode: first}, proxyProtocol: v2}\nlisten: {proxyProtocol: [10.0.0.0/8, 10.1.0.1]}\n',
  );
  assert.equal(code, 0);
  assert.equal(out[2], '             PROXY header from 10.0.0.0/8, 10.1.0.1');
  const upstream = out.findIndex((line) => line.startsWith('  upstream'));
  assert.equal(out[upstream + 1], '             TLS from TLSv1.2 before INFO; PROXY header: v2');
});

test('who is asked for a token is described, at the top and where a route differs', async () => {
  const keys = 'keys: {url: https://id.example/jwks?secret=CANARY}';
  const { out } = await run(`${REQUIRED}auth:
  from: [{cookie: __Host-session}, {header: authorization}]
  jwt: [{issuer: https://id.example, audience: web, ${keys}}]
routes:
  - path: /same
  - path: /open
    auth: off
  - path: /own
    auth: {required: off, explain: on, from: [{query: token}], jwt: [{issuer: b, audience: c, ${keys}}]}
  - path: /asks
    auth: {from: [{cookie: __Host-session}], webhook: {url: http://login/natsgate?secret=CANARY}}
`);
  const lines = out.filter((line) => line.includes('auth ')).map((line) => line.trim());
  assert.deepEqual(lines, [
    'auth       token of https://id.example from cookie __Host-session, header',
    'auth off (nobody is asked)',
    'auth token of b from query token; without one let in, too; pages may ask why they are refused',
    'auth token from cookie __Host-session; asks http://login/natsgate',
  ]);
  assert.doesNotMatch(out.join(), /CANARY/);
});

test('the roles of a policy are described, at the top and where a route differs', async () => {
  const { out } =
    await run(`${REQUIRED}auth: {from: [{cookie: __Host-session}], jwt: [{issuer: b, audience: c, keys: {url: https://id.example/jwks}}]}
policy: {roles: [{name: desk, match: {user: a}}, {name: default}]}
routes:
  - path: /same
  - path: /free
    policy: off
  - path: /own
    policy: {mode: observe, roles: [{name: staff, match: {user: b}}]}
`);
  const lines = out.filter((line) => line.includes('policy ')).map((line) => line.trim());
  assert.deepEqual(lines, [
    'policy     enforce; roles desk, default',
    'policy off',
    'policy observe; roles staff; without one of them nothing is allowed',
  ]);
});

test('the public key that nats-server must trust is shown, and its seed is not', async () => {
  const content = 'origins: self\nupstream: {servers: nats://n, proxySeedFile: seed}\n';
  const { code, out, err } = await run(content);
  assert.equal(code, 0);
  assert.ok(out.includes(`             signs CONNECT as proxy ${PUBLIC}`), out.join('\n'));
  assert.match(
    err.join('\n'),
    /upstream\.proxySeedFile: others may read this secret \(mode 0444\); set mode 0400/,
  );
  assert.equal([...out, ...err].join().includes(SEED), false);
});

test('warnings do not fail the check; caps by address are advised once addresses can be trusted', async () => {
  const { code, out, err } = await run(
    'origins: "*"\nupstream: nats://n\nlisten: {trustedProxies: 10.0.0.0/8}\n',
  );
  assert.equal(code, 0);
  assert.deepEqual(err, [
    'warning: gateway.yaml:1:10: origins: "*": every web page may connect, from the browser of anybody who opens it; list origins where you can',
  ]);
  assert.equal(out.filter((line) => line.startsWith('advice: ')).length, 2);
  const set = await run(
    `${REQUIRED}listen: {trustedProxies: 10.0.0.0/8}\nlimits: {sessionsPerAddress: 9, handshakesPerSecondPerAddress: 9}\n`,
  );
  assert.ok(!set.out.some((line) => line.startsWith('advice: ')));
});

test('without a file', async () => {
  const good = await run(undefined, { origin: ['self'], upstream: ['nats://n'] });
  assert.equal(good.code, 0);
  const bad = await run(undefined, { origin: ['self'] });
  assert.equal(bad.code, 1);
  assert.match(bad.err[0] ?? '', /^--upstream: upstream: the key is missing/);
  assert.equal(bad.err[1], 'natsgate: 1 problem in the configuration');
});

test('a green check promises the start: what a start would refuse, check refuses', async () => {
  // Each was accepted by check, and refused at the start or at every request.
  for (const [content, expected] of [
    [
      'listen: {trustedProxies: ["::ffff:10.0.0.0/64"]}\n',
      /^gateway\.yaml:3:27: listen\.trustedProxies: .*is not a network/,
    ],
    [
      'listen: {proxyProtocol: ["::ffff:10.0.0.0/64"]}\n',
      /^gateway\.yaml:3:26: listen\.proxyProtocol: .*is not a network/,
    ],
    ['listen: {hosts: [gw.0xyz]}\n', /^gateway\.yaml:3:18: listen\.hosts: "gw\.0xyz" is not a host name/],
    ['routes: [{host: gw.0xyz}]\n', /^gateway\.yaml:3:17: routes\[0\]\.host: "gw\.0xyz" is not a host name/],
  ] as const) {
    const { code, err } = await run(`${REQUIRED}${content}`);
    assert.equal(code, 1);
    assert.equal(err.length, 2, err.join('\n'));
    assert.match(err[0] ?? '', expected);
  }
  const many = `${REQUIRED}limits: {sessions: 1000}\n`;
  assert.equal((await run(many, {}, { fileDescriptorLimit: 4096 })).code, 0);
  const { code, out, err } = await run(many, {}, { fileDescriptorLimit: 1024 });
  assert.deepEqual([code, out], [1, []]);
  assert.match(err[0] ?? '', /^limits\.sessions: 1000 sessions need/);
});

const WARNED = 'origins: "*"\nupstream: nats://n\n';

test('--allow-missing-files passes over files of another machine, and over nothing else', async () => {
  const elsewhere = `${REQUIRED}listen: {tls: {certFile: none.pem, keyFile: none.key}}\nadmin: {tokenFile: none}\n`;
  const options = { allowMissingFiles: true };
  assert.equal((await run(elsewhere)).code, 1);
  const { code, out, err } = await run(elsewhere, {}, options);
  assert.deepEqual([code, err], [0, []]);
  assert.deepEqual(out, [
    'natsgate: the configuration is valid',
    '  not read   the file of listen.tls.certFile, which is not here',
    '  not read   the file of listen.tls.keyFile, which is not here',
    '  not read   the file of admin.tokenFile, which is not here',
  ]);
  const json = await run(elsewhere, {}, { ...options, json: true });
  const { valid, problems, missingFiles } = JSON.parse(json.out.join('\n'));
  assert.deepEqual([valid, problems.length, missingFiles.length], [true, 0, 3]);
  // What is here is read all the same.
  const wrong = await run(elsewhere.replace('none.pem', 'seed'), {}, options);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err[0] ?? '', /listen\.tls\.certFile: /);
});

test('--json is one object with problems, warnings and advice', async () => {
  const bad = await run(`${REQUIRED}admin: 8080\nlisten: {trustedProxies: 0.0.0.0/0}\n`, {}, { json: true });
  assert.deepEqual([bad.code, bad.err], [1, []]);
  const { problems, warnings, ...rest } = JSON.parse(bad.out.join('\n'));
  assert.deepEqual(rest, { valid: false, advice: [] });
  const [{ text, ...problem }] = problems;
  assert.deepEqual(problem, {
    code: 'same_port',
    where: 'gateway.yaml:3:8',
    key: 'admin',
    file: 'gateway.yaml',
    line: 3,
    column: 8,
  });
  assert.equal(typeof text, 'string');
  assert.equal(warnings.length, 1);
  const good = await run(`${REQUIRED}listen: {trustedProxies: 10.0.0.0/8}\n`, {}, { json: true });
  const parsed = JSON.parse(good.out.join('\n'));
  assert.deepEqual([good.code, parsed.valid, parsed.problems, parsed.advice.length], [0, true, [], 2]);
});

test('--quiet says warnings alone, --strict makes them fail', async () => {
  assert.deepEqual(await run(REQUIRED, {}, { quiet: true }), { code: 0, out: [], err: [] });
  const warned = await run(WARNED, {}, { quiet: true });
  assert.deepEqual([warned.code, warned.out, warned.err.length], [0, [], 1]);
  const strict = await run(WARNED, {}, { quiet: true, strict: true });
  assert.equal(strict.code, 1);
  assert.deepEqual(strict.err.slice(1), ['natsgate: 1 warning in the configuration']);
  assert.equal((await run(WARNED, {}, { json: true, strict: true })).code, 1);
  assert.equal((await run(REQUIRED, {}, { strict: true })).code, 0);
});

test('a problem of a flag has no place in a file', async () => {
  const { out } = await run(undefined, { origin: ['self'] }, { json: true });
  const [problem] = JSON.parse(out.join('\n')).problems;
  assert.deepEqual(Object.keys(problem), ['code', 'where', 'key', 'text']);
});

/** Times differ from run to run. */
const untimed = (line: string): string => line.replace(/ in [\d.]+ ms/g, '');

test('--dial says how far each address got, and warns of what its INFO announces', async () => {
  const info = {
    server_id: 'S',
    server_name: 'n0',
    version: '2.11.4',
    max_payload: 1,
    connect_urls: ['10.0.0.1:4222'],
  };
  await using good = await FakeUpstream.start({ greeting: `INFO ${JSON.stringify(info)}\r\n` });
  await using web = await FakeUpstream.start({ greeting: 'HTTP/1.1 400 Bad Request\r\n\r\n' });
  const closed = await freePort();
  const servers = `[127.0.0.1:${good.port}, 127.0.0.1:${web.port}, 127.0.0.1:${closed}, nats.invalid]`;
  const config = (list: string, more = ''): string =>
    `origins: https://a.example\nupstream: ${list}\n${more}`;
  const { code, out, err } = await run(config(servers), {}, { dial: true });
  assert.equal(code, 1);
  assert.deepEqual(out.filter((line) => line.startsWith('dial')).map(untimed), [
    `dial: 127.0.0.1:${good.port}: TCP, INFO: n0 2.11.4`,
  ]);
  assert.deepEqual(err.slice(0, 2).map(untimed), [
    `dial failed: 127.0.0.1:${web.port}: TCP, then: the first bytes are not a NATS INFO line`,
    `dial failed: 127.0.0.1:${closed}: TCP: nothing listens there (ECONNREFUSED)`,
  ]);
  assert.match(err[2] ?? '', /^dial failed: nats\.invalid:4222: DNS: the name nats\.invalid (is not|cannot)/);
  assert.match(err[3] ?? '', /^warning: upstream: nats-server announces addresses of its cluster/);
  assert.equal(err.length, 4);
  const quiet = await run(
    config(`127.0.0.1:${good.port}`, 'info: {connectUrls: drop}\n'),
    {},
    { dial: true, quiet: true },
  );
  assert.deepEqual(quiet, { code: 0, out: [], err: [] });
  const json = await run(config(`127.0.0.1:${closed}`), {}, { dial: true, json: true });
  const { valid, dials } = JSON.parse(json.out.join('\n'));
  const text = 'TCP: nothing listens there (ECONNREFUSED)';
  assert.deepEqual(
    [json.code, valid, dials],
    [1, true, [{ server: `127.0.0.1:${closed}`, ok: false, text }]],
  );
});

test('--dial names the address of a name, and TLS', async () => {
  await using upstream = await FakeUpstream.start();
  await using plain = await FakeUpstream.start();
  const content = `origins: https://a.example\nupstream: localhost:${upstream.port}\nroutes: [{path: /a, upstream: {servers: 127.0.0.1:${plain.port}, tls: {mode: first}}}]\n`;
  const { err, out } = await run(content, {}, { dial: true });
  assert.ok(
    out.some((line) =>
      line.startsWith(`dial: localhost:${upstream.port} (127.0.0.1:${upstream.port}): TCP in`),
    ),
    out.join('\n'),
  );
  assert.ok(
    err.some((line) =>
      /^dial failed: 127.*: TCP in .*, then: it answered our TLS handshake in clear/.test(line),
    ),
    err.join('\n'),
  );
});

test('when the certificates of each kind of file expire', async () => {
  const { certificate, key } = selfSigned(10);
  const day = new X509Certificate(certificate).validToDate.toISOString().slice(0, 10);
  const content = `${REQUIRED}listen: {tls: {certFile: tls.crt, keyFile: tls.key, clientCaFile: tls.crt}}\n`;
  const { out } = await run(content, {}, {}, { 'tls.crt': certificate, 'tls.key': key });
  assert.ok(out.includes(`  expires    server ${day}, client_ca ${day}`), out.join('\n'));
});
