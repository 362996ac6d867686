import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Connect,
  type ConnectChanges,
  CREDENTIAL_FIELDS,
  MAX_CONNECT_ARGUMENT_BYTES,
  readConnect,
  redacted,
  writeConnect,
} from '../../src/nats/connect.ts';
import { foldKey } from '../../src/nats/json-text.ts';
import {
  accepted,
  argumentOf,
  hostileArgument,
  INJECTED,
  REFUSED,
  STRICTER,
  TAKEN,
} from './connect-vectors.ts';

const rewritten = (text: string | Buffer, changes?: ConnectChanges): string => {
  const line = writeConnect(accepted(text), changes);
  assert.ok(line !== 'too_long');
  return line.toString();
};
for (const [name, text, expected] of TAKEN)
  test(`taken: ${name}`, () => {
    const line = rewritten(text);
    assert.equal(line, `CONNECT ${expected}\r\n`);
    assert.equal(rewritten(argumentOf(line)), line);
  });

for (const [token, text, sentence] of [...REFUSED, ...STRICTER])
  test(`refused, ${token}: ${JSON.stringify(text)}`, () => {
    const reading = readConnect(Buffer.from(text));
    assert.ok(reading.kind === 'refused', 'it was taken');
    assert.equal(reading.token, token);
    assert.match(reading.sentence, sentence);
  });

test('refused beyond what the server refuses without a word: a protocol that JavaScript cannot hold', () => {
  // The server reads it, and then says -ERR 'invalid client protocol'.
  const reading = readConnect(Buffer.from('{"protocol":9007199254740993}'));
  assert.equal(reading.kind === 'refused' && reading.token, 'wrong_type');
});

test('a reading shares no memory with its argument', () => {
  const argument = Buffer.from('{"user":"a","x":[1]}');
  const reading = readConnect(argument);
  argument.fill(0x20);
  assert.ok(reading.kind === 'connect');
  assert.equal(String(writeConnect(reading)), 'CONNECT {"user":"a","x":[1]}\r\n');
});

test('changes set and remove fields, whatever the client called them', () => {
  const changes: ConnectChanges = {
    user: 'gate',
    pass: null,
    jwt: null,
    sig: null,
    proxy_sig: 'ours',
    tls_required: false,
  };
  assert.equal(
    rewritten('{"U\u017fER":"evil","Pass":"x","JWT":"y","proxy_\\u0073ig":"z","name":"n"}', changes),
    'CONNECT {"tls_required":false,"name":"n","user":"gate","proxy_sig":"ours"}\r\n',
  );
});

test('the argument has at most the bytes of a control line, and not one more', () => {
  const ofBytes = (length: number): Connect =>
    accepted(`{"name":"${'x'.repeat(length - '{"name":""}'.length)}"}`);
  const whole = writeConnect(ofBytes(MAX_CONNECT_ARGUMENT_BYTES));
  assert.ok(whole !== 'too_long');
  assert.equal(argumentOf(whole.toString()).length, MAX_CONNECT_ARGUMENT_BYTES);
  assert.equal(writeConnect(ofBytes(MAX_CONNECT_ARGUMENT_BYTES + 1)), 'too_long');
  assert.equal(writeConnect(ofBytes(4000), { jwt: 'j'.repeat(90) }), 'too_long');
  assert.notEqual(writeConnect(ofBytes(4000), { jwt: 'j'.repeat(86) }), 'too_long');
  assert.equal(writeConnect(accepted('{"a":1,"b":2}'), {}, 12), 'too_long');
  assert.equal(String(writeConnect(accepted('{"a":1,"b":2}'), {}, 13)), 'CONNECT {"a":1,"b":2}\r\n');
});

test('what is shown of a CONNECT holds no secret and no control character', () => {
  const secrets = Object.fromEntries(CREDENTIAL_FIELDS.map((field) => [field, `secret-${field}`]));
  const text = JSON.stringify({
    ...secrets,
    user: 'jane',
    name: `a\n\u202e${'b'.repeat(500)}`,
    verbose: false,
    protocol: 1,
    proxy_sig: 'secret',
    x: 'secret',
  });
  const shown = redacted(accepted(text), true);
  assert.doesNotMatch(JSON.stringify(shown), /secret/);
  assert.deepEqual(
    { ...shown, name: shown.name?.slice(0, 4), length: shown.name?.length },
    {
      name: 'a\ufffd\ufffdb',
      length: 128,
      lang: undefined,
      version: undefined,
      protocol: 1,
      user: 'jane',
      flags: { verbose: false },
      credentials: [...CREDENTIAL_FIELDS],
      unknownFields: 1,
    },
  );
  assert.deepEqual(redacted(accepted('{"user":"","auth_token":"t"}'), true).credentials, ['auth_token']);
  assert.equal(redacted(accepted('{"user":"a token in the wrong place"}'), true).user, undefined);
  assert.equal(redacted(accepted(text), false).user, undefined, 'natsgate logs in for the client');
});

test('no refusal repeats anything of the argument', () => {
  for (const text of [
    '{"pass":"secret',
    '{"secret":1,"secret":2}',
    '{"pass":["secret"]}',
    'secret',
    '{"pass":"secret"} secret',
    '"secret"',
  ]) {
    const reading = readConnect(Buffer.from(text));
    assert.ok(reading.kind === 'refused');
    assert.doesNotMatch(reading.sentence, /secret/);
  }
});

/** The server's reading by other means than ours: every spelling folds, the last one wins. */
function boundTo(argument: string, field: string): unknown {
  let bound: unknown;
  for (const [key, value] of Object.entries(JSON.parse(argument) as Record<string, unknown>)) {
    const folded = [...key]
      .map((c) => (c === '\u017f' ? 's' : c === '\u212a' ? 'k' : c))
      .join('')
      .toLowerCase();
    if (folded === field && value !== null) bound = value;
  }
  return bound;
}

test('D3: 64 hostile keys never change an injected identity', () => {
  let readings = 0;
  fc.assert(
    fc.property(hostileArgument(64), (text) => {
      const reading = readConnect(Buffer.from(text));
      if (reading.kind === 'refused') return assert.equal(reading.token, 'duplicate_field', text);
      const line = writeConnect(reading, INJECTED, 64 * 1024);
      assert.ok(line !== 'too_long');
      const argument = argumentOf(line.toString());
      assert.equal(boundTo(argument, 'user'), 'gate', argument);
      assert.equal(boundTo(argument, 'pass'), 'right', argument);
      for (const field of ['auth_token', 'nkey', 'jwt', 'sig', 'proxy_sig'])
        assert.equal(boundTo(argument, field), undefined, argument);
      readings++;
    }),
    { numRuns: 3_000 },
  );
  assert.ok(readings > 300, `only ${readings} were read`);
});

test('what is written is read as the same again', () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('user', 'Pass')),
        fc.string({ unit: 'binary' }),
      ),
      (object) => {
        const reading = readConnect(Buffer.from(JSON.stringify(object)));
        fc.pre(reading.kind === 'connect');
        const line = writeConnect(reading, {}, 1 << 20).toString();
        assert.deepEqual(readConnect(Buffer.from(argumentOf(line))), reading);
        const read = JSON.parse(argumentOf(line)) as Record<string, unknown>;
        assert.deepEqual(
          new Map(Object.entries(read).map(([key, value]) => [foldKey(key), value])),
          new Map(Object.entries(object).map(([key, value]) => [foldKey(key), value.toWellFormed()])),
        );
      },
    ),
  );
});
