/** CONNECT arguments, good and hostile, for the tests without and with a real server. */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type Connect,
  type ConnectChanges,
  type ConnectRefusal,
  CREDENTIAL_FIELDS,
  readConnect,
} from '../../src/nats/connect.ts';

export const accepted = (text: string | Buffer): Connect => {
  const reading = readConnect(Buffer.from(text));
  assert.ok(reading.kind === 'connect', `${JSON.stringify(reading)} for ${text}`);
  return reading;
};
export const argumentOf = (line: string): string => line.slice('CONNECT '.length, -2);

/** CONNECT arguments that the server takes as we do, and what becomes of them. */
export const TAKEN: readonly [string, string | Buffer, string][] = [
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

export const REFUSED: readonly [ConnectRefusal, string, RegExp][] = [
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
export const STRICTER: readonly [ConnectRefusal, string, RegExp][] = [
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
export const hostileArgument = (max: number): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(hostileKey, fc.constantFrom('"evil"', '"\\u0065vil"', 'null')), { maxLength: max })
    .map((members) => `{${members.map(([key, value]) => `"${key}":${value}`).join(',')}}`);

export const INJECTED: ConnectChanges = {
  ...Object.fromEntries(CREDENTIAL_FIELDS.map((field) => [field, null])),
  user: 'gate',
  pass: 'right',
};
