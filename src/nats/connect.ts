import { type JsonMember, scanJsonObject } from './json-object.ts';
import { decodeJsonString, foldKey } from './json-text.ts';
import { keptText } from './kept-text.ts';

/**
 * What nats-server reads of a client's CONNECT, in the order in which we write it. `import` and `export` are objects
 * there, for routes and leaf nodes only.
 */
const FIELD_TYPES = {
  verbose: 'boolean',
  pedantic: 'boolean',
  echo: 'boolean',
  tls_required: 'boolean',
  headers: 'boolean',
  no_responders: 'boolean',
  protocol: 'integer',
  name: 'string',
  lang: 'string',
  version: 'string',
  account: 'string',
  new_account: 'boolean',
  remote_account: 'string',
  user: 'string',
  pass: 'string',
  auth_token: 'string',
  nkey: 'string',
  jwt: 'string',
  sig: 'string',
  proxy_sig: 'string',
  import: 'absent',
  export: 'absent',
} as const;

type Types = { boolean: boolean; integer: number; string: string; absent: never };
export type ConnectField = keyof typeof FIELD_TYPES;
export type ConnectValue = boolean | number | string;

/** Fields to set, or to remove by null. A field that is not named stays as the client has it. */
export type ConnectChanges = {
  readonly [F in ConnectField]?: Types[(typeof FIELD_TYPES)[F]] | null;
};

/** All fields by which a client can log in; code that logs in for it removes those that it does not set. */
export const CREDENTIAL_FIELDS = ['user', 'pass', 'auth_token', 'nkey', 'jwt', 'sig'] as const;
type CredentialField = (typeof CREDENTIAL_FIELDS)[number];

export type ConnectRefusal =
  | 'not_json'
  | 'not_an_object'
  | 'null'
  | 'line_break'
  | 'duplicate_field'
  | 'wrong_type'
  | 'not_for_clients';

/** A CONNECT that two readers cannot read in two ways. It shares no memory with the bytes it was read from. */
export type Connect = {
  readonly kind: 'connect';
  readonly fields: ReadonlyMap<ConnectField, ConnectValue>;
  /** What this server does not know, the values as the client wrote them. */
  readonly unknown: readonly { readonly key: string; readonly value: Buffer }[];
};

export type ConnectReading =
  | Connect
  /** The sentence quotes nothing of the argument, which may hold secrets. */
  | { readonly kind: 'refused'; readonly token: ConnectRefusal; readonly sentence: string };

/** The default of the server's max_control_line, which counts the argument without the verb. */
export const MAX_CONNECT_ARGUMENT_BYTES = 4096;

const FIELDS: ReadonlyMap<string, ConnectField> = new Map(
  (Object.keys(FIELD_TYPES) as ConnectField[]).map((field) => [foldKey(field), field]),
);

/**
 * Reads what is between `CONNECT` and the line end as nats-server does (Go's encoding/json into a struct: folded
 * keys, null leaves a field alone), and refuses what it refuses. Beyond that are refused: null, which would be a
 * CONNECT without any field; two members of one name after folding, of which the server takes the last; CR and LF
 * between the tokens; import and export; a `protocol` beyond 2^53.
 */
export function readConnect(argument: Buffer): ConnectReading {
  if (argument.includes(0x0a) || argument.includes(0x0d))
    return refuse('line_break', 'the CONNECT line has a line break in it; write its JSON on one line');
  const scan = scanJsonObject(argument);
  if (scan.kind === 'invalid') return refuseInvalid(argument, scan.offset, scan.expected);
  const fields = new Map<ConnectField, ConnectValue>();
  const unknown: { key: string; value: Buffer }[] = [];
  const seen = new Set<string>();
  for (const member of scan.members) {
    const folded = foldKey(member.key);
    const field = FIELDS.get(folded);
    if (seen.has(folded)) {
      const what = field === undefined ? 'a field of CONNECT' : `the field ${field} of CONNECT`;
      return refuse('duplicate_field', `${what} is there twice, perhaps spelt in two ways; write it once`);
    }
    seen.add(folded);
    const raw = argument.subarray(member.valueStart, member.valueEnd);
    if (field === undefined) unknown.push({ key: member.key, value: Buffer.from(raw) });
    else if (member.kind !== 'null') {
      const value = fieldValue(FIELD_TYPES[field], member, raw);
      if (value === undefined) return refuseType(field);
      fields.set(field, value);
    }
  }
  return { kind: 'connect', fields, unknown };
}

function fieldValue(
  type: (typeof FIELD_TYPES)[ConnectField],
  member: JsonMember,
  raw: Buffer,
): ConnectValue | undefined {
  if (type === 'string') return member.kind === 'string' ? decodeJsonString(raw) : undefined;
  if (type === 'boolean') return member.kind === 'boolean' ? raw[0] === 0x74 : undefined;
  if (type === 'absent' || member.kind !== 'number') return undefined;
  const digits = raw.toString('latin1');
  if (!/^-?\d+$/.test(digits)) return undefined;
  const number = Number(digits);
  // Go knows no -0.
  return Number.isSafeInteger(number) ? number + 0 : undefined;
}

function refuse(token: ConnectRefusal, sentence: string): ConnectReading {
  return { kind: 'refused', token, sentence };
}

function refuseInvalid(argument: Buffer, offset: number, expected: string): ConnectReading {
  const text = argument.toString('latin1').trim();
  if (text === 'null') return refuse('null', 'CONNECT has null for its object; write at least {}');
  if (text === '') return refuse('not_json', 'CONNECT has no argument; write at least {}');
  if (/^(\[|"|-?\d|true$|false$)/.test(text))
    return refuse('not_an_object', 'the argument of CONNECT is not a JSON object; write {...}');
  return refuse(
    'not_json',
    `the argument of CONNECT is not valid JSON: at byte ${offset} expected ${expected}`,
  );
}

const TYPE_NAMES = {
  boolean: 'true or false',
  string: 'a string in double quotes',
  integer: 'an integer without fraction and exponent',
};

function refuseType(field: ConnectField): ConnectReading {
  const type = FIELD_TYPES[field];
  return type === 'absent'
    ? refuse('not_for_clients', `the field ${field} of CONNECT is for routes and leaf nodes; leave it out`)
    : refuse('wrong_type', `the field ${field} of CONNECT has a wrong type; write ${TYPE_NAMES[type]}`);
}

/**
 * `CONNECT {json}` and CR LF in one form only: exact names in a fixed order, what the client left out still left out
 * (the server's defaults for some are true), unknown fields behind. The client's proxy_sig never goes through.
 * `too_long`: the argument would have more than `maxArgumentBytes`.
 */
export function writeConnect(
  connect: Connect,
  changes: ConnectChanges = {},
  maxArgumentBytes: number = MAX_CONNECT_ARGUMENT_BYTES,
): Buffer | 'too_long' {
  const parts: Buffer[] = [];
  for (const field of FIELDS.values()) {
    const own = field === 'proxy_sig' ? undefined : connect.fields.get(field);
    const change = Object.hasOwn(changes, field) ? changes[field] : undefined;
    const value = change === undefined ? own : change;
    if (value !== undefined && value !== null)
      parts.push(Buffer.from(`${JSON.stringify(field)}:${JSON.stringify(value)}`));
  }
  for (const { key, value } of connect.unknown)
    parts.push(Buffer.concat([Buffer.from(`${JSON.stringify(key)}:`), value]));
  const commas = Math.max(0, parts.length - 1);
  const argumentBytes = parts.reduce((sum, part) => sum + part.length, 2 + commas);
  if (argumentBytes > maxArgumentBytes) return 'too_long';
  const pieces = parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from(','), part]));
  return Buffer.concat([Buffer.from('CONNECT {'), ...pieces, Buffer.from('}\r\n')]);
}

/** What may be shown of a CONNECT. Of credentials only which there are. */
export type RedactedConnect = {
  readonly name: string | undefined;
  readonly lang: string | undefined;
  readonly version: string | undefined;
  readonly protocol: number | undefined;
  /** The name of a user who has a password, which nats-server shows too. */
  readonly user: string | undefined;
  /** The boolean fields that the client wrote. */
  readonly flags: Readonly<Record<string, boolean>>;
  readonly credentials: readonly CredentialField[];
  readonly unknownFields: number;
};

/** Characters; longer names are cut. */
const MAX_SHOWN_CHARACTERS = 128;

/** `keepsLogin`: the server gets the login that the client has written. */
export function redacted(connect: Connect, keepsLogin: boolean): RedactedConnect {
  const { fields, unknown } = connect;
  const has = (field: CredentialField): boolean => (fields.get(field) ?? '') !== '';
  const shown = (field: 'name' | 'lang' | 'version' | 'user'): string | undefined => {
    const value = fields.get(field);
    if (typeof value !== 'string') return undefined;
    // Control, format and unassigned characters could disturb programs that show the text.
    return keptText(value, MAX_SHOWN_CHARACTERS).replace(/\p{C}/gu, '\ufffd');
  };
  const protocol = fields.get('protocol');
  return {
    name: shown('name'),
    lang: shown('lang'),
    version: shown('version'),
    protocol: typeof protocol === 'number' ? protocol : undefined,
    // Alone, it could be a token in the wrong place.
    user: keepsLogin && has('user') && has('pass') ? shown('user') : undefined,
    flags: Object.fromEntries([...fields].filter((entry) => typeof entry[1] === 'boolean')) as Record<
      string,
      boolean
    >,
    // The server takes an empty credential for none.
    credentials: CREDENTIAL_FIELDS.filter(has),
    unknownFields: unknown.length,
  };
}
