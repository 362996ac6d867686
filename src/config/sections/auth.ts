import * as z from 'zod';
import {
  type ClaimPath,
  claimPath,
  claimText,
  cookieName,
  headerName,
  keysUrl,
  parameterName,
  webhookUrl,
} from '../auth-values.ts';
import { MAX_KEY_SET_BYTES, type PublicKey, readKeySet } from '../key-set.ts';
import {
  list,
  mapList,
  number,
  optional,
  preset,
  required,
  requiredList,
  requiredSection,
  section,
  switchedSection,
  texts,
  time,
  type ValuesOf,
  words,
} from '../keys.ts';
import { choice, fileName } from '../values.ts';
import type { Files } from './check.ts';

export const SYMMETRIC = ['HS256', 'HS384', 'HS512'] as const;
export const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
const LEAST_SECRET_BYTES = 32;
const MAX_SECRET_BYTES = 4096;
const EXPECTED = 'off, or its keys below it, at least from, and jwt or webhook';
const SOURCES = 'a list of sources, such as "- cookie: __Host-session"';
const ISSUERS = 'a list of issuers, such as "- issuer: https://id.example.com" with its keys below it';
const WEBHOOK = 'A service of yours that says who a client is.';
const own = (expected: string) => (issue: { readonly code: string }) =>
  issue.code === 'unrecognized_keys' ? undefined : expected;

const source = z.strictObject(
  {
    cookie: optional('Name of the cookie with the token.', cookieName),
    header: optional('authorization: the token after Bearer, for programs.', choice(['authorization'])),
    subprotocol: optional(
      'natsgate.bearer: an offered subprotocol natsgate.bearer.TOKEN, the token in base64url; never confirmed.',
      choice(['natsgate.bearer']),
    ),
    query: optional('Name of the parameter in the URL with the token.', parameterName),
  },
  { error: own(SOURCES) },
);

const issuer = z.strictObject(
  {
    issuer: required('The claim iss, compared as it is.', claimText),
    audience: requiredList('One of these is in the claim aud; any: not asked.', claimText, 'an audience'),
    algorithms: list('Algorithms of signatures that count.', choice([...ASYMMETRIC, ...SYMMETRIC])),
    keys: requiredSection('What signatures are verified with.', 'one of url, file and secretFile below it', {
      url: optional('Where the issuer publishes its keys (JWKS).', keysUrl),
      file: optional('File with a key set (JWKS).', fileName),
      secretFile: optional('File with a shared secret of at least 32 bytes.', fileName),
      refresh: time('How often keys are fetched, with a jitter of 10 %.', '10m', '10s', '24h'),
      staleFor: time('Keys are used so much longer while they cannot be fetched.', '1h', '0s', '168h'),
      cooldown: time('Least time between two fetches, whatever asks for them.', '30s', '1s', '1h'),
      timeout: time('Longest wait for the answer.', '2s', '10ms', '30s'),
    }),
    require: section('What else a token must say.', 'its keys below it, such as typ: at+jwt', {
      typ: optional('The header typ.', claimText),
      claims: texts('Claims by path, with the value that each must have.', 'claims, such as azp: web-app'),
    }),
    clockTolerance: time('By how much clocks may differ.', '30s', '0s', '5m'),
    maxAge: time('A token issued longer ago (iat) is too old.', 'off', '1s', '8760h', 'off'),
  },
  { error: own(ISSUERS) },
);

export const auth = switchedSection('Who may connect; without it, nobody is asked.', EXPECTED, {
  required: words('Whether a client without a token is refused.', 'on', ['on', 'off']),
  from: mapList('Where tokens are looked for; the first that is there decides.', source, SOURCES),
  jwt: mapList('Whose tokens count.', issuer, ISSUERS)
    .optional()
    .meta({ description: 'Whose tokens count.' }),
  webhook: requiredSection(WEBHOOK, 'its keys below it, such as url: http://login.default.svc/natsgate', {
    url: required('Where it is asked.', webhookUrl),
    timeout: time('Longest wait for the answer, a place to ask included.', '1s', '10ms', '30s'),
    headers: list('Headers of the request that it gets.', headerName),
    secretFile: optional('File with a secret of at least 32 bytes, which signs each question.', fileName),
    cache: time('How long the answer to the same question is remembered.', '10s', '1s', '10m', 'off'),
    inFlight: number('How many questions are under way at once.', 64, 1024),
    recheck: time('How often it is asked again about open sessions.', 'off', '10s', '24h', 'off'),
  })
    .optional()
    .meta({ description: WEBHOOK }),
  identity: section('Which claims say who the client is.', 'its keys below it, such as user: sub', {
    user: preset('The user.', claimPath, 'sub'),
    tenant: optional('The organisation of the user.', claimPath),
    groups: optional('The groups of the user.', claimPath),
  }),
  expiry: section(
    'What becomes of sessions whose token has expired.',
    'its keys below it, such as grace: 30s',
    {
      end: words('Whether they are ended.', 'on', ['on', 'off']),
      grace: time('How long after its expiry.', '30s', '0s', '1h'),
    },
  ),
  explain: words('Whether a page may ask by fetch why it would be refused.', 'off', ['on', 'off']),
  cookieWithoutOrigin: words('Lets a cookie source be beside origins.missing: allow.', 'off', ['on', 'off']),
  cookieFromWildcards: words('Lets a cookie source be beside origins with a wildcard.', 'off', ['on', 'off']),
});
export type AuthValues = NonNullable<ValuesOf<typeof auth>>;
export type IssuerValues = NonNullable<AuthValues['jwt']>[number];

export type TokenSource =
  | { readonly kind: 'cookie' | 'query'; readonly name: string }
  | { readonly kind: 'header' | 'subprotocol' };

/** Files are read; a function, so that what writes a configuration out never meets a secret. */
export type KeysConfig =
  | {
      readonly kind: 'url';
      readonly url: string;
      readonly refreshMs: number;
      readonly staleForMs: number;
      readonly cooldownMs: number;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'set'; readonly keys: () => readonly PublicKey[] }
  | { readonly kind: 'secret'; readonly secret: () => Uint8Array };
export type KeysUrlConfig = Extract<KeysConfig, { readonly kind: 'url' }>;

export type IssuerConfig = {
  readonly issuer: string;
  /** undefined: any. */
  readonly audience: readonly string[] | undefined;
  readonly algorithms: readonly string[];
  readonly keys: KeysConfig;
  readonly typ: string | undefined;
  readonly claims: readonly { readonly path: ClaimPath; readonly value: string }[];
  readonly toleranceMs: number;
  /** 0: no limit. */
  readonly maxAgeMs: number;
};

export type WebhookConfig = {
  readonly url: string;
  readonly timeoutMs: number;
  /** In lower case. */
  readonly headers: readonly string[];
  /** As those of keys. undefined: nothing is signed. */
  readonly secret: (() => Uint8Array) | undefined;
  /** 0: not at all. */
  readonly cacheMs: number;
  readonly inFlight: number;
  /** 0: never. */
  readonly recheckMs: number;
};

export type AuthConfig = {
  readonly required: boolean;
  readonly from: readonly TokenSource[];
  /** Empty: the webhook decides alone. */
  readonly issuers: readonly IssuerConfig[];
  readonly webhook?: WebhookConfig | undefined;
  readonly identity: {
    readonly user: ClaimPath;
    readonly tenant: ClaimPath | undefined;
    readonly groups: ClaimPath | undefined;
  };
  /** How long after its expiry a token's session ends; undefined: it goes on. */
  readonly graceMs: number | undefined;
  /** A page may ask what an upgrade would be answered. */
  readonly explain: boolean;
};

export async function authConfig(
  values: AuthValues | undefined,
  files: Files,
): Promise<AuthConfig | undefined> {
  if (values === undefined) return undefined;
  const issuers: IssuerConfig[] = [];
  for (const [index, one] of (values.jwt ?? []).entries())
    issuers.push(await issuerConfig(one, index, files));
  const webhook = values.webhook && (await webhookConfig(values.webhook, files));
  const { user, tenant, groups } = values.identity;
  return {
    required: values.required === 'on',
    from: values.from.map(sourceOf),
    issuers,
    ...(webhook === undefined ? {} : { webhook }),
    identity: { user, tenant, groups },
    graceMs: values.expiry.end === 'on' ? values.expiry.grace : undefined,
    explain: values.explain === 'on',
  };
}

function sourceOf({ cookie, header, query }: AuthValues['from'][number]): TokenSource {
  if (cookie !== undefined) return { kind: 'cookie', name: cookie };
  if (query !== undefined) return { kind: 'query', name: query };
  return { kind: header === undefined ? 'subprotocol' : 'header' };
}

async function webhookConfig(
  { url, timeout, headers, secretFile, cache, inFlight, recheck }: NonNullable<AuthValues['webhook']>,
  files: Files,
): Promise<WebhookConfig> {
  const path = ['auth', 'webhook', 'secretFile'];
  const secret = secretFile === undefined ? undefined : await secretIn(path, secretFile, files);
  return {
    url,
    timeoutMs: timeout,
    headers,
    secret,
    cacheMs: cache,
    inFlight,
    recheckMs: recheck,
  };
}

async function issuerConfig(values: IssuerValues, index: number, files: Files): Promise<IssuerConfig> {
  const claims = Object.entries(values.require.claims).flatMap(([name, value]) => {
    const path = claimPath.read(name);
    return path.ok ? [{ path: path.value, value }] : [];
  });
  return {
    issuer: values.issuer,
    audience: values.audience.includes('any') ? undefined : values.audience,
    algorithms: values.algorithms.length > 0 ? values.algorithms : ASYMMETRIC,
    keys: await keysConfig(values.keys, ['auth', 'jwt', index, 'keys'], files),
    typ: values.require.typ,
    claims,
    toleranceMs: values.clockTolerance,
    maxAgeMs: values.maxAge,
  };
}

async function keysConfig(
  { url, file, secretFile, ...times }: IssuerValues['keys'],
  path: readonly (string | number)[],
  files: Files,
): Promise<KeysConfig> {
  const { read, problem } = files;
  if (url !== undefined) {
    const { refresh, staleFor, cooldown, timeout } = times;
    return {
      kind: 'url',
      url,
      refreshMs: refresh,
      staleForMs: staleFor,
      cooldownMs: cooldown,
      timeoutMs: timeout,
    };
  }
  if (file !== undefined) {
    const bytes = await read([...path, 'file'], file, MAX_KEY_SET_BYTES);
    const reading = bytes && readKeySet(bytes.toString('utf8'));
    if (reading?.ok === false) {
      const text = `the file is no key set: ${reading.problem}; write the JWKS of the issuer into it`;
      problem('key_set', [...path, 'file'], text);
    }
    const keys = reading?.ok === true ? reading.keys : [];
    return { kind: 'set', keys: () => keys };
  }
  return { kind: 'secret', secret: await secretIn([...path, 'secretFile'], secretFile, files) };
}

async function secretIn(
  path: readonly (string | number)[],
  name: string | undefined,
  { read, problem }: Files,
): Promise<() => Uint8Array> {
  const secret = trimmed(await read(path, name, MAX_SECRET_BYTES, true));
  if (secret !== undefined && secret.length < LEAST_SECRET_BYTES) {
    const text = `the secret is shorter than ${LEAST_SECRET_BYTES} bytes, and can be guessed by trying; write a random one`;
    problem('secret_short', path, text);
  }
  const bytes = secret ?? new Uint8Array();
  return () => bytes;
}

/** Without the line end that editors write after a text. */
function trimmed(bytes: Buffer | undefined): Uint8Array | undefined {
  const text = bytes?.toString('latin1');
  const line = text === undefined ? undefined : /^([\x20-\x7e]*)\r?\n$/.exec(text)?.[1];
  return line === undefined ? bytes : Buffer.from(line, 'latin1');
}
