import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { filesOf, judgeTls, type TlsKey } from '../../src/config/tls-files.ts';
import { makeChain, type TestChain } from '../support/certificates.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { selfSigned } from './self-signed.ts';

let chain: TestChain;
before(async () => {
  chain = await makeChain();
});
after(() => chain[Symbol.asyncDispose]());

type Files = { readonly [key in TlsKey]?: string | Buffer };

/** Problems and warnings as `key: text`, and what OpenSSL would be given. */
function judged(files: Files) {
  const problems: string[] = [];
  const warnings: string[] = [];
  const bytes: { [key in TlsKey]?: Buffer } = {};
  for (const key of ['certFile', 'keyFile', 'clientCaFile', 'caFile'] as const) {
    const content = files[key];
    if (content !== undefined) bytes[key] = Buffer.from(content);
  }
  const material = judgeTls(bytes, 'TLSv1.2', {
    problem: (key, text) => problems.push(`${key}: ${text}`),
    warning: (key, text) => warnings.push(`${key}: ${text}`),
  });
  assert.equal(material === undefined, problems.length > 0);
  return { problems, warnings, material };
}

function refused(files: Files, ...expected: readonly RegExp[]): void {
  const { problems } = judged(files);
  assert.equal(problems.length, expected.length, problems.join('\n'));
  for (const [index, pattern] of expected.entries()) assert.match(problems[index] ?? '', pattern);
  for (const problem of problems) assert.match(problem, /; (write|convert|append|make) /);
}

describe('what is right', () => {
  test('a chain with its key, and authorities', () => {
    const { leaf, intermediate, root, leafKey } = chain;
    const { material, warnings } = judged({
      certFile: leaf + intermediate,
      keyFile: leafKey,
      clientCaFile: root + intermediate,
    });
    assert.deepEqual(warnings, []);
    assert.deepEqual(material?.pem, {
      cert: leaf + intermediate,
      key: leafKey,
      ca: root + intermediate,
    });
  });

  test('comments, CR LF, a byte order mark, blanks before each line, the key in the same file', () => {
    const { leaf, intermediate, leafKey } = chain;
    const text = `\ufeffsubject: CN = leaf\n${leaf}\n# signed by\n${leafKey}${intermediate}`;
    for (const one of [text, text.replaceAll('\n', '\r\n'), text.replaceAll('\n', '\n    ')]) {
      const { material, warnings } = judged({ certFile: one, keyFile: one });
      assert.deepEqual(warnings, []);
      assert.equal(material?.pem.cert, leaf + intermediate);
    }
  });

  test('the older names of blocks', async () => {
    const old = chain.leaf.replaceAll('CERTIFICATE', 'X509 CERTIFICATE');
    const key = await chain.convert('old.key', 'ec', '-in', 'leaf.key', '-param_enc', 'named_curve');
    const withParameters = `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${key}`;
    assert.match(String(key), /BEGIN EC PRIVATE KEY/);
    assert.equal(judged({ certFile: old, keyFile: withParameters }).material?.pem.cert, chain.leaf);
  });

  test('the names of the files in their order', () => {
    assert.deepEqual(filesOf({ caFile: 'c', certFile: 'a', keyFile: undefined }), [
      ['certFile', 'a'],
      ['caFile', 'c'],
    ]);
  });
});

describe('each file that holds certificates is read block by block', () => {
  const KEYS = ['certFile', 'clientCaFile', 'caFile'] as const;
  const cases: readonly [name: string, content: () => string | Buffer, RegExp][] = [
    ['empty', () => '', /the file is empty/],
    ['blank', () => ' \n', /the file is empty/],
    ['no block', () => 'nonsense', /holds no PEM certificate; write the name of one with BEGIN CERTIFICATE/],
    ['a key', () => chain.leafKey, /holds a private key and no certificate/],
    ['a block of another kind', () => block('SOMETHING', 'AAAA'), /holds no PEM certificate/],
    [
      'a bad first block',
      () => block('CERTIFICATE', 'AAAA') + chain.root,
      /certificate 1 of the file, in line 1, cannot be read; write it again/,
    ],
    [
      'a bad second block, where OpenSSL stops without a word',
      () => chain.root + block('CERTIFICATE', 'AAAA') + chain.stranger,
      /certificate 2 of the file, in line 11, cannot be read/,
    ],
    [
      'a file that was cut off',
      () => chain.root.slice(0, 300),
      /the block in line 1 has no BEGIN and END, .*; write the file again, whole/,
    ],
    [
      'a second block that was cut off',
      () => chain.root + chain.stranger.slice(0, -5),
      /the block in line 11 has no BEGIN and END/,
    ],
    [
      'two files joined without a line break',
      () => chain.root.trimEnd() + chain.stranger,
      /line 1 has no BEGIN and END, each on a line of its own up to line 10, where two may be joined/,
    ],
    [
      'an end that is missing',
      () => chain.root.replace(/-----END .*\n/, '') + chain.stranger,
      /line 1 has no BEGIN and END, each on a line of its own up to line 10/,
    ],
    [
      'an end of another block',
      () => chain.root.replace('END CERTIFICATE', 'END PRIVATE KEY'),
      /line 1 has no BEGIN and END, each on a line of its own up to line 10/,
    ],
    [
      'UTF-16',
      () => Buffer.from(`\ufeff${chain.root}`, 'utf16le'),
      /the file is UTF-16; write it as plain text/,
    ],
    [
      'a form of OpenSSL’s own',
      () => chain.root.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'),
      /\(TRUSTED CERTIFICATE\); convert each: openssl x509 -in/,
    ],
    ['a request', () => block('CERTIFICATE REQUEST', 'AAAA'), /holds a request for a certificate/],
    ['PKCS#7', () => block('PKCS7', 'AAAA'), /openssl pkcs7 -print_certs -in/],
    ['a public key', () => block('PUBLIC KEY', 'AAAA'), /holds a public key and no certificate/],
  ];
  for (const key of KEYS) {
    for (const [name, content, sentence] of cases)
      test(`${key}: ${name}`, () =>
        refused({ [key]: content() }, new RegExp(`^${key}: .*${sentence.source}`)));
  }

  test('DER and its containers have the command that converts them', async () => {
    const der = await chain.convert('der', 'x509', '-in', 'root.crt', '-outform', 'der');
    const p7b = await chain.convert('p7b', 'crl2pkcs7', '-nocrl', '-certfile', 'root.crt', '-outform', 'der');
    const pfx = await chain.convert(
      'pfx',
      ...['pkcs12', '-export', '-in', 'leaf.crt', '-inkey', 'leaf.key', '-passout', 'pass:'],
    );
    for (const key of KEYS) {
      // X509Certificate reads this, and OpenSSL takes it as no authority at all: each client was refused.
      refused(
        { [key]: der },
        /in DER form; convert it: openssl x509 -inform der -in old\.cer -out new\.pem$/,
      );
      refused({ [key]: p7b }, /PKCS#7 bundle in DER form; convert it: openssl pkcs7 -inform der/);
      refused({ [key]: pfx }, /PKCS#12 container; convert it: openssl pkcs12 -in old\.p12 -nokeys/);
    }
  });
});

describe('keys', () => {
  const withKey = (keyFile: string | Buffer, sentence: RegExp): void =>
    refused({ certFile: chain.leaf, keyFile }, sentence);

  test('an encrypted one, in each form, says so', async () => {
    for (const args of [
      ['pkey', '-in', 'leaf.key', '-aes256'],
      ['ec', '-in', 'leaf.key', '-aes256'],
    ]) {
      const key = await chain.convert('encrypted', ...args, '-passout', 'pass:x');
      withKey(key, /^keyFile: the key is encrypted; write one without passphrase: openssl pkey -in/);
    }
    const der = await chain.convert(
      'encrypted.der',
      ...['pkcs8', '-topk8', '-in', 'leaf.key', '-outform', 'der', '-passout', 'pass:x'],
    );
    withKey(der, /^keyFile: the key is encrypted, and in DER form; .*openssl pkey -inform der/);
  });

  test('DER, a container, a certificate, a public key, OpenSSH, nonsense', async () => {
    const der = await chain.convert('key.der', 'pkey', '-in', 'leaf.key', '-outform', 'der');
    withKey(der, /^keyFile: the key is in DER form; convert it: openssl pkey -inform der/);
    const pfx = await chain.convert(
      'pfx',
      ...['pkcs12', '-export', '-in', 'leaf.crt', '-inkey', 'leaf.key', '-passout', 'pass:'],
    );
    withKey(pfx, /^keyFile: .*openssl pkcs12 -in old\.p12 -nocerts -nodes/);
    const certificate = await chain.convert('der', 'x509', '-in', 'leaf.crt', '-outform', 'der');
    withKey(certificate, /^keyFile: the file is a certificate; write the name of its private key/);
    withKey(chain.leaf, /^keyFile: the file holds a certificate and no private key/);
    withKey(block('PUBLIC KEY', 'AAAA'), /^keyFile: the file holds no PEM private key/);
    withKey(block('OPENSSH PRIVATE KEY', 'AAAA'), /^keyFile: .*ssh-keygen -p -m pkcs8/);
    withKey(block('PRIVATE KEY', 'AAAA'), /^keyFile: the private key in line 1 cannot be read/);
    withKey('', /^keyFile: the file is empty/);
    withKey(chain.leafKey.slice(0, 100), /^keyFile: the block in line 1 has no BEGIN and END/);
  });

  test('a certificate in DER form is not blamed on the key', async () => {
    const certFile = await chain.convert('der', 'x509', '-in', 'leaf.crt', '-outform', 'der');
    refused({ certFile, keyFile: chain.leafKey }, /^certFile: .*in DER form/);
  });

  test('one of another certificate; a chain in the wrong order', () => {
    const { leaf, intermediate, root, leafKey, stranger } = chain;
    refused({ certFile: stranger, keyFile: leafKey }, /^keyFile: the key does not belong to the first/);
    refused(
      { certFile: intermediate + leaf, keyFile: leafKey },
      /^certFile: the key belongs to certificate 2 of 2 .* wrong order; write that one first/,
    );
    for (const certFile of [leaf + root + intermediate, leaf + intermediate + stranger]) {
      const { warnings, material } = judged({ certFile, keyFile: leafKey });
      assert.equal(material?.pem.cert, certFile);
      assert.match(
        warnings.join('\n'),
        /^certFile: certificate [23] of 3 in the file did not sign the one before it/,
      );
    }
  });

  test('what OpenSSL does not accept has its reason', async () => {
    const weak = await chain.convert(
      'weak.crt',
      ...['req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-subj', '/CN=weak', '-keyout', 'weak.key'],
    );
    const key = await chain.convert('weak-copy.key', 'pkey', '-in', 'weak.key');
    refused({ certFile: weak, keyFile: key }, /^certFile: the key of the certificate is too short/);
    const { warnings } = judged({ caFile: weak });
    assert.match(warnings.join('\n'), /^caFile: the certificate has a key below 2048 bits/);
  });
});

describe('authorities', () => {
  test('of clients without a root: nobody would be trusted', () => {
    const { intermediate, leaf, root } = chain;
    refused({ clientCaFile: intermediate }, /^clientCaFile: the file holds no root: .*append the root/);
    refused({ clientCaFile: intermediate + leaf }, /holds no root/);
    assert.deepEqual(judged({ clientCaFile: intermediate + root }).problems, []);
  });

  test('of servers: what is listed is trusted, as nats-server has it for its clients', async () => {
    const { intermediate, leaf, leafKey, stranger } = chain;
    const tls = { cert: leaf + intermediate, key: leafKey, first: true };
    await using server = await FakeUpstream.start({ greeting: '', tls });
    for (const [authority, trusted] of [
      [intermediate, true],
      [leaf, true],
      [stranger, false],
    ] as const) {
      const { pem } = judged({ caFile: authority }).material!;
      const socket = connect({ port: server.port, host: '127.0.0.1', servername: 'localhost', ...pem });
      const outcome = once(socket, 'secureConnect').then(
        () => true,
        () => false,
      );
      assert.equal(await outcome, trusted);
      socket.destroy();
    }
  });
});

describe('expiry is that of the first certificate to expire, and each file has its own', () => {
  const DAY = 86_400;
  const good = selfSigned(30);
  const short = selfSigned(5);
  const gone = selfSigned(0.5);
  const inDays = (seconds: number | undefined): number | undefined =>
    seconds && Math.round((seconds - Date.now() / 1000) / DAY);

  test('of a chain and of authorities', () => {
    const { material, warnings } = judged({
      certFile: good.certificate + short.certificate,
      keyFile: good.key,
      caFile: good.certificate + gone.certificate,
    });
    // Each is valid from yesterday.
    assert.equal(inDays(material?.chainEndsAt), 4);
    assert.ok((material?.authoritiesEndAt ?? 0) < Date.now() / 1000);
    assert.match(
      warnings.join('\n'),
      /^caFile: certificate 2 of 2 in the file expired on \d{4}-\d\d-\d\d; renew it$/m,
    );
  });

  test('without a file there is none', () => {
    const { material } = judged({});
    assert.deepEqual(material, { pem: {}, chainEndsAt: undefined, authoritiesEndAt: undefined });
  });
});

const block = (label: string, content: string): string =>
  `-----BEGIN ${label}-----\n${content}\n-----END ${label}-----\n`;
