import assert from 'node:assert/strict';
import { chmod, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { KIND, seedOf, signerOf } from '../support/nkeys.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { selfSigned } from './self-signed.ts';
import { load, REQUIRED } from './support.ts';

const TLS = `${REQUIRED}listen:\n  tls:\n    certFile: tls.crt\n    keyFile: tls.key\n`;
const pair = selfSigned();
const other = selfSigned();
const files = { 'tls.crt': pair.certificate, 'tls.key': pair.key };

test('names start at the folder of the configuration file', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'gateway.yaml');
  await writeFile(file, TLS);
  await writeFile(join(folder.path, 'tls.crt'), pair.certificate);
  await writeFile(join(folder.path, 'tls.key'), pair.key);
  await chmod(join(folder.path, 'tls.key'), 0o400);
  const loaded = await loadConfig({ file, flags: {}, env: {} });
  assert.ok(loaded.ok);
  assert.deepEqual(loaded.warnings, []);
  assert.deepEqual(loaded.config.listen.tls, {
    certFile: join(folder.path, 'tls.crt'),
    keyFile: join(folder.path, 'tls.key'),
    minVersion: 'TLSv1.2',
    material: loaded.config.listen.tls?.material,
  });
  assert.deepEqual(loaded.config.listen.tls?.material().pem, { cert: pair.certificate, key: pair.key });
  // What is written out never meets the key.
  assert.doesNotMatch(JSON.stringify(loaded.config), /BEGIN|PRIVATE/);
});

test('a certificate of clients and TLS 1.3 alone', async () => {
  const { config, lines } = await load(`${TLS}    clientCaFile: ca.crt\n    minVersion: TLSv1.3\n`, {
    files: { ...files, 'ca.crt': other.certificate },
  });
  assert.deepEqual(lines, []);
  assert.equal(config?.listen.tls?.minVersion, 'TLSv1.3');
  assert.match(config?.listen.tls?.clientCaFile ?? '', /ca\.crt$/);
});

test('what is wrong with the files of TLS', async () => {
  for (const [changed, expected] of [
    [
      { 'tls.key': other.key },
      [/6:14: listen\.tls\.keyFile: the key does not belong to .*write the matching pair/],
    ],
    [{ 'tls.crt': 'nonsense' }, [/5:15: listen\.tls\.certFile: the file holds no PEM certificate; write/]],
    [{ 'tls.crt': '' }, [/5:15: listen\.tls\.certFile: the file is empty; write/]],
    [
      { 'tls.key': pair.certificate },
      [/6:14: listen\.tls\.keyFile: the file holds a certificate and no private key/],
    ],
    [{ 'tls.crt': 'x'.repeat(2 ** 20 + 1) }, [/5:15: .*it is over 1024 KiB/]],
    [
      { 'tls.crt': `${pair.certificate}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n` },
      [/5:15: listen\.tls\.certFile: certificate 2 of the file, in line \d+, cannot be read; write it again/],
    ],
    [{ 'tls.crt': 'x', 'tls.key': 'CANARY' }, [/5:15: .*certFile/, /6:14: .*keyFile/]],
  ] as const) {
    const { config, lines } = await load(TLS, { files: { ...files, ...changed } });
    assert.equal(config, undefined);
    assert.equal(lines.length, expected.length, lines.join('\n'));
    for (const [index, pattern] of expected.entries()) assert.match(lines[index] ?? '', pattern);
    assert.doesNotMatch(lines.join(), /CANARY/);
  }
  const { lines } = await load(TLS, { files: { 'tls.key': pair.key } });
  assert.deepEqual(lines, [
    'gateway.yaml:5:15: listen.tls.certFile: the file cannot be read: there is no such file; write the name of a readable file',
  ]);
});

test('a certificate that is no longer valid is a warning', async () => {
  const expired = selfSigned(0.5);
  const { warnings, problems } = await load(TLS, {
    files: { 'tls.crt': expired.certificate, 'tls.key': expired.key },
  });
  assert.deepEqual([problems, warnings], [[], ['tls_file 5:15 listen.tls.certFile']]);
});

test('the token', async () => {
  const content = `${REQUIRED}admin: {tokenFile: token}\n`;
  const good = await load(content, { files: { token: 'CANARY-0123456789abcdef\n' } });
  assert.equal(good.config?.admin.token, 'CANARY-0123456789abcdef');
  assert.deepEqual(good.warnings, []);
  const short = await load(content, { files: { token: 'CANARY' } });
  assert.equal(short.config?.admin.token, 'CANARY');
  assert.deepEqual(short.warnings, ['token_short 3:20 admin.tokenFile']);
  for (const [token, code] of [
    ['', 'token_malformed'],
    ['\n', 'token_malformed'],
    ['CANARY CANARY', 'token_malformed'],
    ['CANARY\nCANARY', 'token_malformed'],
    ['CANARÝ', 'token_malformed'],
    ['x'.repeat(4097), 'unreadable'],
  ] as const) {
    const { config, problems, text } = await load(content, { files: { token } });
    assert.equal(config, undefined);
    assert.deepEqual(problems, [`${code} 3:20 admin.tokenFile`]);
    assert.doesNotMatch([...text, ...short.text].join(), /CANAR/);
  }
  assert.deepEqual((await load(content)).problems, ['unreadable 3:20 admin.tokenFile']);
});

test('the seed of the proxy key', async () => {
  const content = REQUIRED.replace('nats://nats:4222', '{servers: nats://nats, proxySeedFile: seed}');
  const seed = seedOf(KIND.user);
  const good = await load(content, { files: { seed: `${seed}\n` } });
  assert.deepEqual([good.lines, good.warnings], [[], []]);
  const signer = good.config?.upstream.proxySigner;
  assert.equal(signer?.publicKey, signerOf(seed).publicKey);
  assert.equal(signer?.sign('nonce'), signerOf(seed).sign('nonce'));
  assert.equal(good.config?.inspect, 'enforce');
  assert.equal(JSON.stringify(good.config).includes(seed), false);
  for (const [text, expected] of [
    ['', /^gateway\.yaml:2:49: upstream\.proxySeedFile: the file is empty; write/],
    [seed.slice(1), /2:49: upstream\.proxySeedFile: the file holds no nkey seed; write/],
    [signerOf(seed).publicKey, /2:49: upstream\.proxySeedFile: the file holds a public key/],
    ['x'.repeat(4097), /over 4 KiB/],
  ] as const) {
    const { config, lines } = await load(content, { files: { seed: text } });
    assert.equal(config, undefined);
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0] ?? '', expected);
    assert.equal(lines.join().includes(seed.slice(5, 20)), false);
  }
  assert.match(
    (await load(content)).lines.join('\n'),
    /2:49: upstream\.proxySeedFile: the file cannot be read/,
  );
});

test('a seed needs enforce, and says so where less is written', async () => {
  const content = REQUIRED.replace('nats://nats:4222', '{servers: nats://nats, proxySeedFile: seed}');
  const files = { seed: seedOf(KIND.user) };
  for (const level of ['off', 'observe']) {
    const { problems } = await load(`${content}inspect: ${level}\n`, { files });
    assert.deepEqual(problems, ['level_too_low 3:10 inspect']);
  }
  assert.equal((await load(`${content}inspect: enforce\n`, { files })).config?.inspect, 'enforce');
});

test('secrets that others may read are warned about; a group of our own is no other', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'gateway.yaml');
  const token = join(folder.path, 'token');
  await writeFile(file, `${REQUIRED}admin: {tokenFile: ${token}}\n`);
  await writeFile(token, '0123456789abcdef');
  const { gid } = await stat(token);
  const foreign = gid + 1;
  for (const [mode, groups, warned] of [
    [0o400, [foreign], false],
    [0o600, [foreign], false],
    [0o440, [foreign], true],
    [0o440, [foreign, gid], false],
    [0o440, [gid], false],
    [0o444, [gid], true],
    [0o604, [gid], true],
  ] as const) {
    await chmod(token, mode);
    const loaded = await loadConfig({ file, flags: {}, env: {}, groups });
    assert.ok(loaded.ok);
    const texts = loaded.warnings.map(({ text }) => text);
    assert.deepEqual(
      texts,
      warned ? [`others may read this secret (mode 0${mode.toString(8)}); set mode 0400`] : [],
    );
  }
});

test('a broken section is not looked into', async () => {
  const { problems } = await load(`${REQUIRED}listen:\n  tls:\n    certFile: *x\n    keyFile: tls.key\n`);
  assert.deepEqual(problems, ['alias 5:15 listen.tls.certFile']);
});

const UPSTREAM_TLS = `origins: https://a.example
upstream:
  servers: nats://nats
  tls:
    mode: after-info
    caFile: ca.crt
    certFile: tls.crt
    keyFile: tls.key
`;

test('TLS to the servers: files are found, read and compared, and a wrong one is named', async () => {
  const upstreamFiles = { ...files, 'ca.crt': other.certificate };
  const { config, lines, warnings } = await load(UPSTREAM_TLS, { files: upstreamFiles });
  assert.deepEqual([lines, warnings], [[], []]);
  assert.match(config?.upstream.tls?.caFile ?? '', /^\/.*ca\.crt$/);
  assert.equal(config?.upstream.tls?.serverName, undefined);
  for (const [changed, expected] of [
    [{ 'ca.crt': 'CANARY' }, /^gateway\.yaml:6:13: upstream\.tls\.caFile: the file holds no PEM certificate/],
    [{ 'tls.key': other.key }, /^gateway\.yaml:8:14: upstream\.tls\.keyFile: the key does not belong to/],
    [{ 'tls.crt': '' }, /^gateway\.yaml:7:15: upstream\.tls\.certFile: the file is empty/],
  ] as const) {
    const wrong = await load(UPSTREAM_TLS, { files: { ...upstreamFiles, ...changed } });
    assert.equal(wrong.lines.length, 1, wrong.lines.join('\n'));
    assert.match(wrong.lines[0] ?? '', expected);
    assert.doesNotMatch(wrong.lines.join(), /CANARY/);
  }
  const missing = await load(UPSTREAM_TLS, { files: { ...files } });
  assert.deepEqual(missing.lines, [
    'gateway.yaml:6:13: upstream.tls.caFile: the file cannot be read: there is no such file; write the name of a readable file',
  ]);
});

test('TLS to the servers: half a pair, and files that nobody uses', async () => {
  const alone = await load(UPSTREAM_TLS.replace(/ +keyFile.*\n/, ''), {
    files: { ...files, 'ca.crt': other.certificate },
  });
  assert.deepEqual(alone.problems, ['half_a_pair 7:15 upstream.tls.certFile']);
  const unused = await load(UPSTREAM_TLS.replace(/ +mode.*\n/, ''), {
    files: { ...files, 'ca.crt': other.certificate },
  });
  assert.equal(unused.config?.upstream.tls, undefined);
  assert.deepEqual(unused.warnings, [
    'tls_is_off 5:13 upstream.tls.caFile',
    'tls_is_off 6:15 upstream.tls.certFile',
  ]);
});
