import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Connect,
  type ConnectChanges,
  type ConnectRefusal,
  CREDENTIAL_FIELDS,
  MAX_CONNECT_ARGUMENT_BYTES,
  readConnect,
  redacted,
  writeConnect,
} from '../../src/nats/connect.ts';
import { foldKey } from '../../src/nats/json-text.ts';
import { connectionTypesOfJwt } from '../../src/nats/user-jwt.ts';
import { realNatsServer } from '../support/nats.ts';
import { connectRaw } from '../support/raw-nats.ts';

const accepted = (text: string | Buffer): Connect => {
  const reading = readConnect(Buffer.from(text));
  assert.ok(reading.kind === 'connect', `${JSON.stringify(reading)} for ${text}`);
  return reading;
};
const rewritten = (text: string | Buffer, changes?: ConnectChanges): string => {
  const line = writeConnect(accepted(text), changes);
  assert.ok(line !== 'too_long');
  return line.toString();
};
const argumentOf = (line: string): string => line.slice('CONNECT '.length, -2);

/** CONNECT arguments that the server takes as we do, and what becomes of them. */
const TAKEN: readonly [string, string | Buffer, string][] = [
  ['nothing said, nothing sent', '{}', '{}'],
  ['blanks around', ' \t{ "user" : "a" }\t ', '{"user":"a"}'],
  [
    'exact names in one order',
    '{"pass":"p","verbose":false,"user":"u"}',
    '{"verbose":false,"user":"u","pass":"p"}',
  ],
  ['what is left out stays out', '{"echo":true}', '{"echo":true}'],
  ['N19: USER alone', '{"USER":"a"}', '{"user":"a"}'],
  ['N19: U+017F in a key', '{"u\u017fer":"a"}', '{"user":"a"}'],
  ['N19: U+212A in a key', '{"auth_to\u212aen":"t"}', '{"auth_token":"t"}'],
  ['escapes in a key', '{"\\u0075\\u017F\\u0065r":"a","\\u004a\\u0057t":"j"}', '{"user":"a","jwt":"j"}'],
  ['null leaves a field alone', '{"user":null,"verbose":null,"protocol":null,"import":null}', '{}'],
  ['strings in one form', '{"user":"\\u0041\\/\\ud800\\n"}', '{"user":"A/\ufffd\\n"}'],
  [
    'what is no UTF-8, byte by byte',
    Buffer.concat([Buffer.from('{"user":"'), Buffer.from([0xe2, 0x82]), Buffer.from('"}')]),
    '{"user":"\ufffd\ufffd"}',
  ],
  ['protocol', '{"protocol":1}', '{"protocol":1}'],
  ['protocol -0', '{"protocol":-0}', '{"protocol":0}'],
  ['proxy_sig of the client', '{"proxy_sig":"x","Proxy_Sig2":"y"}', '{"Proxy_Sig2":"y"}'],
  [
    'unknown fields: their values as written, behind the known ones',
    '{"x":1.0,"y":12345678901234567890,"user":"u","z":[ {"user":"v"} ]}',
    '{"user":"u","x":1.0,"y":12345678901234567890,"z":[ {"user":"v"} ]}',
  ],
  ['unknown keys: in one spelling', '{"\\u0078\\/\\u0000":1,"\\ud800":2}', '{"x/\\u0000":1,"\ufffd":2}'],
  [
    'N19: __proto__, constructor',
    '{"__proto__":{"user":"a"},"constructor":1}',
    '{"__proto__":{"user":"a"},"constructor":1}',
  ],
  [
    'look-alikes that no server folds',
    '{"ｕser":"a","user ":"b","us\u00adер":"c"}',
    '{"ｕser":"a","user ":"b","us\u00adер":"c"}',
  ],
  [
    'every field',
    '{"sig":"s","jwt":"j","nkey":"n","auth_token":"t","pass":"p","user":"u","remote_account":"","new_account":false,"account":"","version":"v","lang":"l","name":"n","protocol":0,"no_responders":true,"headers":true,"tls_required":false,"echo":false,"pedantic":false,"verbose":false}',
    '{"verbose":false,"pedantic":false,"echo":false,"tls_required":false,"headers":true,"no_responders":true,"protocol":0,"name":"n","lang":"l","version":"v","account":"","new_account":false,"remote_account":"","user":"u","pass":"p","auth_token":"t","nkey":"n","jwt":"j","sig":"s"}',
  ],
];

for (const [name, text, expected] of TAKEN)
  test(`taken: ${name}`, () => {
    const line = rewritten(text);
    assert.equal(line, `CONNECT ${expected}\r\n`);
    assert.equal(rewritten(argumentOf(line)), line);
  });

const REFUSED: readonly [ConnectRefusal, string, RegExp][] = [
  ['not_json', '', /no argument/],
  ['not_json', '{"user":"a"} x', /at byte 13/],
  ['not_json', '{"user":"a"', /at byte 11/],
  ['not_json', '\ufeff{}', /at byte 0/],
  ['not_json', '{"user":"a\tb"}', /at byte 10/],
  ['not_json', '{"user":01}', /at byte 9/],
  ['not_json', 'nope', /at byte 0/],
  ['not_an_object', '[]', /not a JSON object/],
  ['not_an_object', '[{"user":"a"}]', /not a JSON object/],
  ['not_an_object', '"{}"', /not a JSON object/],
  ['not_an_object', '7', /not a JSON object/],
  ['not_an_object', 'true', /not a JSON object/],
  ['wrong_type', '{"user":7}', /user .* string/],
  ['wrong_type', '{"user":{}}', /user .* string/],
  ['wrong_type', '{"PASS":["p"]}', /pass .* string/],
  ['wrong_type', '{"verbose":"true"}', /verbose .* true or false/],
  ['wrong_type', '{"verbose":1}', /verbose .* true or false/],
  ['wrong_type', '{"new_account":"x"}', /new_account .* true or false/],
  ['wrong_type', '{"protocol":1.0}', /protocol .* integer/],
  ['wrong_type', '{"protocol":1e0}', /protocol .* integer/],
  ['wrong_type', '{"protocol":"1"}', /protocol .* integer/],
  ['wrong_type', '{"protocol":true}', /protocol .* integer/],
  ['wrong_type', '{"protocol":9223372036854775808}', /protocol .* integer/],
  ['wrong_type', '{"proxy_\u017fig":1}', /proxy_sig .* string/],
  ['wrong_type', '{"remote_account":1}', /remote_account .* string/],
  ['not_for_clients', '{"import":[]}', /import .* leave it out/],
  ['not_for_clients', '{"export":{"allow":"x"}}', /export .* leave it out/],
];

/** Deliberate differences: nats-server takes these where no login is asked for. */
const STRICTER: readonly [ConnectRefusal, string, RegExp][] = [
  ['null', 'null', /write at least \{\}/],
  ['null', ' null ', /write at least \{\}/],
  ['duplicate_field', '{"user":"a","user":"a"}', /user .* twice/],
  ['duplicate_field', '{"user":"a","USER":"b"}', /user .* twice/],
  ['duplicate_field', '{"user":"a","u\u017fer":"b"}', /user .* twice/],
  ['duplicate_field', '{"auth_token":"a","auth_to\u212aen":"b"}', /auth_token .* twice/],
  ['duplicate_field', '{"user":"a","\\u0055SER":null}', /user .* twice/],
  ['duplicate_field', '{"x":1,"X":2}', /twice/],
  ['line_break', '{"x":[1,\r2]}', /one line/],
  ['line_break', '{}\r', /one line/],
  ['not_for_clients', '{"import":{"allow":["x"]}}', /leave it out/],
];

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
    name: `a\n\u202e${'b'.repeat(500)}`,
    verbose: false,
    protocol: 1,
    proxy_sig: 'secret',
    x: 'secret',
  });
  const shown = redacted(accepted(text));
  assert.doesNotMatch(JSON.stringify(shown), /secret/);
  assert.deepEqual(
    { ...shown, name: shown.name?.slice(0, 4), length: shown.name?.length },
    {
      name: 'a\ufffd\ufffdb',
      length: 128,
      lang: undefined,
      version: undefined,
      protocol: 1,
      flags: { verbose: false },
      credentials: [...CREDENTIAL_FIELDS],
      unknownFields: 1,
    },
  );
  assert.deepEqual(redacted(accepted('{"user":"","auth_token":"t"}')).credentials, ['auth_token']);
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

/** One of the many ways to write a key that the server folds to `name`. */
const spelling = (name: string): fc.Arbitrary<string> =>
  fc
    .tuple(
      ...[...name].map((letter) => {
        const forms = [letter, letter.toUpperCase()];
        if (letter === 's') forms.push('\u017f');
        if (letter === 'k') forms.push('\u212a');
        const escaped = (form: string): string => `\\u${form.charCodeAt(0).toString(16).padStart(4, '0')}`;
        return fc.constantFrom(...forms, ...forms.map(escaped));
      }),
    )
    .map((letters) => letters.join(''));

const hostileKey = fc.oneof(
  fc.constantFrom(...CREDENTIAL_FIELDS, 'proxy_sig').chain(spelling),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'ｕser',
    'user\\u0000',
    'user ',
    'us\\u00ader',
    'authtoken',
    'username',
    'password',
  ),
  fc.string({ unit: 'binary', maxLength: 6 }).map((text) => JSON.stringify(text).slice(1, -1)),
);
const hostileArgument = (max: number): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(hostileKey, fc.constantFrom('"evil"', '"\\u0065vil"', 'null')), { maxLength: max })
    .map((members) => `{${members.map(([key, value]) => `"${key}":${value}`).join(',')}}`);

const INJECTED: ConnectChanges = {
  ...Object.fromEntries(CREDENTIAL_FIELDS.map((field) => [field, null])),
  user: 'gate',
  pass: 'right',
};

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

type Answer = 'taken' | 'closed without a word' | string;

/** What a nats-server says to a CONNECT with this argument. */
async function answerOf(port: number, argument: string | Buffer): Promise<Answer> {
  await using client = await connectRaw(port);
  client.write(Buffer.concat([Buffer.from('CONNECT '), Buffer.from(argument), Buffer.from('\r\nPING\r\n')]));
  const lines = await client.linesUntil((line) => /^(PONG|-ERR)/.test(line));
  const last = lines.at(-1);
  if (last === undefined) return 'closed without a word';
  return last.startsWith('PONG') ? 'taken' : last.trim();
}

test('a real server takes and refuses what we take and refuse, but for the differences listed above', async () => {
  await using server = await realNatsServer();
  const damages = fc
    .sample(
      fc.tuple(
        fc.constantFrom(...TAKEN.map(([, text]) => text.toString())),
        fc.nat(),
        fc.nat(2),
        fc.constantFrom(...'{}[]",:\\01.eE+- \ttfn'),
      ),
      { numRuns: 300, seed: 1 },
    )
    .map(([text, place, removed, piece]) => {
      const at = place % (text.length + 1);
      return text.slice(0, at) + piece + text.slice(at + removed);
    });
  const corpus = [...TAKEN.map(([, text]) => text), ...REFUSED.map(([, text]) => text), ...damages];
  const counts = { connect: 0, refused: 0 };
  for (const text of corpus) {
    const reading = readConnect(Buffer.from(text));
    if (reading.kind === 'refused' && ['duplicate_field', 'null'].includes(reading.token)) continue;
    const answer = await answerOf(server.port, text);
    counts[reading.kind]++;
    // A server that has read the JSON may still refuse what it says: that is -ERR, and for the server to do.
    const isRead = answer !== 'closed without a word';
    assert.equal(isRead, reading.kind === 'connect', `${answer} for ${text}`);
    if (reading.kind === 'connect') {
      const line = writeConnect(reading);
      assert.ok(line !== 'too_long');
      assert.equal(await answerOf(server.port, argumentOf(line.toString())), answer, `the rewritten ${text}`);
    }
  }
  assert.ok(counts.connect > 50 && counts.refused > 50, JSON.stringify(counts));
  for (const [, text] of STRICTER) assert.equal(await answerOf(server.port, text), 'taken', text);
});

test('a real server binds the injected user, whatever the client adds; unfiltered, the client wins', async () => {
  const config = 'authorization { users: [{user: gate, password: right}, {user: evil, password: evil}] }';
  await using server = await realNatsServer({ config, monitor: true });
  const userOf = async (line: Buffer): Promise<string | undefined> => {
    await using client = await connectRaw(server.port);
    client.write(Buffer.concat([line, Buffer.from('PING\r\n')]));
    const lines = await client.linesUntil((text) => /^(PONG|-ERR)/.test(text));
    if (!lines.at(-1)?.startsWith('PONG')) return lines.at(-1)?.trim();
    const { client_id: cid } = JSON.parse(client.info.slice(5)) as { client_id: number };
    const answer = await fetch(`http://127.0.0.1:${server.monitorPort}/connz?auth=1&cid=${cid}`);
    const { connections } = (await answer.json()) as { connections: { authorized_user?: string }[] };
    return connections[0]?.authorized_user;
  };
  const unfiltered = 'CONNECT {"user":"gate","pass":"right","u\u017fer":"evil","Pa\u017fs":"evil"}\r\n';
  assert.equal(await userOf(Buffer.from(unfiltered)), 'evil');
  let asked = 0;
  for (const text of fc.sample(hostileArgument(12), { numRuns: 300, seed: 1 })) {
    const reading = readConnect(Buffer.from(text));
    if (reading.kind === 'refused') continue;
    const line = writeConnect(reading, INJECTED);
    assert.ok(line !== 'too_long');
    assert.equal(await userOf(line), 'gate', text);
    asked++;
  }
  assert.ok(asked >= 64, `only ${asked} were read`);
});
