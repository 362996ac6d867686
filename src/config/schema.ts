/**
 * The keys of the configuration file: type, default, one sentence each. The only file that knows zod.
 *
 * Values arrive here as the text that was written (`10s`, `8080`), lists as arrays of text and sections as maps
 * in their long form; `tree.ts` sees to that. What leaves is converted and complete, but keys have not been
 * compared with one another (`rules.ts`).
 */
import * as z from 'zod';
import {
  healthUrl,
  hostName,
  listenAddress,
  network,
  publicAddress,
  requestPath,
  subprotocol,
  upstreamUrl,
} from './address.ts';
import type { HideableField } from './config.ts';
import { choice, count, duration, fileName, type Reader, size } from './units.ts';

/**
 * What the walk over the written keys must know. `short` is the key that a value alone stands for; `optional` says that
 * nothing is missing without.
 */
export type KeyShape =
  | Section
  /** `item`: what each entry is, where that is a section; else a value. */
  | { readonly kind: 'list'; readonly item?: Section; readonly optional?: true }
  /** `preset` is the default as it would be written. */
  | { readonly kind: 'value'; readonly preset?: string };

export type Section = {
  readonly kind: 'section';
  readonly keys: ReadonlyMap<string, KeyShape>;
  readonly short: string | undefined;
  readonly optional?: true;
};

/** One value that does not fit. `expected` says what would, and quotes nothing of what stood there. */
export type Misfit = {
  readonly path: readonly (string | number)[];
  readonly expected: string;
  /** Absent when the value is missing or of the wrong shape: the caller knows what stands there. */
  readonly detail: { readonly what: string; readonly write: string } | undefined;
};

export type Values = z.output<typeof schema>;

/** Lets editors accept what will be interpolated; they cannot know the value. */
const INTERPOLATED = '\\$\\{';

/** Of `off` beside other types, in JSON Schema: some readers make a boolean of the word. */
const OR_FALSE = { type: ['string', 'integer', 'boolean'], not: { const: true } };
const OFF_PATTERN = '^(off|false|no)$';

const shortForms = z.registry<{ short: string }>();

const HIDEABLE_FIELDS: readonly HideableField[] = [
  'host',
  'port',
  'cluster',
  'server_name',
  'git_commit',
  'go',
  'ip',
];
const ORIGINS = 'a list of origins such as [https://app.example.com]';
const UPSTREAM = 'a URL such as nats://host:4222, or a list of them';
const ROUTES = 'a list of routes, such as "- path: /mqtt" with its keys below it';
const entry: Reader<string> = { expected: ORIGINS, read: (value) => ({ ok: true, value }) };

const origins = section(
  ORIGINS,
  {
    allow: requiredList(
      'Pages that may connect: origins, one-label wildcards, self, localhost, or * in quotes.',
      entry,
      ORIGINS,
    ),
    missing: words('Requests without Origin: programs send none, browsers always do.', 'deny', [
      'deny',
      'allow',
    ]),
    opaque: words('Requests with Origin null: sandboxed frames, file and data pages.', 'deny', [
      'deny',
      'allow',
    ]),
  },
  'allow',
).meta({ description: 'Who may connect.' });

const upstream = section(
  UPSTREAM,
  {
    servers: requiredList('nats-servers, each for any session: nats://host[:port].', upstreamUrl, UPSTREAM),
    order: words('Which server gets a new session.', 'random', ['random', 'first', 'least-sessions']),
    connectTimeout: time('Longest wait for one connection.', '1s', '10ms', '1m'),
    dialTimeout: time('Longest wait for all attempts together, up to INFO.', '1.8s', '10ms', '1m'),
    tls: section('its keys below it, such as mode: after-info', {
      mode: words('TLS to nats-server: never, behind its INFO, or before it.', 'off', [
        'off',
        'after-info',
        'first',
      ]),
      caFile: optional('Authorities that may have signed the certificate of the server.', fileName),
      certFile: optional('Certificate chain of the gateway, for servers that ask for one.', fileName),
      keyFile: optional('Private key of that certificate in PEM form, without passphrase.', fileName),
      serverName: optional('Name in the certificate, where it is not the host of the URL.', hostName),
      minVersion: words('Oldest TLS version that is spoken.', 'TLSv1.2', ['TLSv1.2', 'TLSv1.3']),
    })
      .prefault({})
      .meta({ description: 'TLS to nats-server.' }),
    proxyProtocol: words('Tell nats-server the client address by a PROXY header.', 'off', [
      'off',
      'v1',
      'v2',
    ]),
    health: section('its keys below it, such as url: http://{host}:8222/healthz', {
      url: list('Where to ask for the health of servers: one for all, or one for each.', healthUrl),
      interval: time('How often each server is asked, spread by 10 %.', '5s', '100ms', '5m'),
    })
      .prefault({})
      .meta({ description: 'Checks of the monitoring port.' }),
    readiness: words('What /readyz follows.', 'process', ['process', 'upstream']),
    proxySeedFile: optional('File with the nkey seed that signs every CONNECT (proxy_sig).', fileName),
  },
  'servers',
).meta({ description: 'Where the bytes go.' });

const inspect = words('How much of the NATS protocol is read; auto: what the other keys need.', 'auto', [
  'auto',
  'off',
  'observe',
  'enforce',
]);

const info = section('its keys below it, such as connectUrls: drop', {
  connectUrls: list(
    'Addresses to reconnect to that clients are told: keep, drop, or a list of host:port.',
    publicAddress,
    'keep',
  ),
  hide: list('Fields of INFO that are kept from clients.', choice(HIDEABLE_FIELDS)),
})
  .prefault({})
  .meta({ description: 'What of INFO reaches clients.' });

const compressionKeys = {
  enabled: words('Whether clients that offer permessage-deflate get it.', 'off', ['off', 'on']),
  threshold: bytes('Shorter messages towards clients go uncompressed.', '1KiB', '0B', '64KiB'),
  sessions: number('Compressed sessions at once; the others are served without.', 500, 1e6),
};

const sessionLimitKeys = {
  frameBytes: bytes('Largest WebSocket frame of a client.', '8MiB', '1KiB', '2147483647B'),
  sentFrameBytes: bytes('Largest WebSocket frame towards a client.', '65535B', '1KiB', '65535B'),
  controlLineBytes: bytes(
    'Longest argument of a control line of a client, where lines are read.',
    '4KiB',
    '512B',
    '1MiB',
  ),
  sessionAge: time('Longest life of a session, spread by 10 %.', 'off', '10ms', '576h', 'off'),
};

/** What a route may say otherwise than the keys at the top; `inherit.ts` fills in what it does not say. */
const route = section('its keys, at least path or host, such as path: /mqtt', {
  host: optional('Name in Host that requests for this route carry; without it, any.', hostName),
  path: preset('Path that requests for this route have, compared as it is.', requestPath, '/', {
    pattern: `^/|${INTERPOLATED}`,
  }),
  subprotocols: list(
    'Subprotocols that are spoken here; the first that a client offers is confirmed.',
    subprotocol,
  ),
  origins,
  upstream,
  compression: section('on or off, or its keys below it', compressionKeys, 'enabled')
    .prefault({})
    .meta({ description: 'As at the top; sessions counts those of this route.' }),
  inspect,
  info,
  limits: section('its keys below it, such as frameBytes: 8MiB', {
    sessions: number('Sessions of this route at once, within limits.sessions at the top.', 'off', 1e6),
    ...sessionLimitKeys,
  })
    .prefault({})
    .meta({ description: 'Caps of this route.' }),
});

const schema = section('its keys, at least origins and upstream', {
  listen: section(
    'an address such as 0.0.0.0:8080, or its keys below it',
    {
      address: address('Where WebSocket clients connect.', '0.0.0.0', '0.0.0.0:8080'),
      tls: section('the keys certFile and keyFile below it', {
        certFile: required('Certificate chain in PEM form, the own certificate first.', fileName),
        keyFile: required('Private key of the certificate in PEM form, without passphrase.', fileName),
        clientCaFile: optional(
          'When given, clients must present a certificate that one of these has signed.',
          fileName,
        ),
        minVersion: words('Oldest TLS version that is spoken.', 'TLSv1.2', ['TLSv1.2', 'TLSv1.3']),
      })
        .optional()
        .meta({ description: 'TLS on the public address; without it, plain WebSocket.' }),
      trustedProxies: list('Networks whose X-Forwarded-* headers are believed.', network),
      proxyProtocol: list('Networks whose connections must begin with a PROXY header.', network),
      hosts: list('Names under which browsers reach the gateway, for the origin self.', hostName),
    },
    'address',
  )
    .prefault({})
    .meta({ description: 'The public side.' }),
  admin: section(
    'an address such as 127.0.0.1:8081, or its keys below it',
    {
      address: address(
        'Where metrics, health and the status page are served.',
        '127.0.0.1',
        '127.0.0.1:8081',
      ),
      tokenFile: optional(
        'File with the token for what changes state or shows traffic, outside loopback.',
        fileName,
      ),
      hosts: list('Further host names that admin requests may carry in Host.', hostName),
    },
    'address',
  )
    .prefault({})
    .meta({ description: 'The private side.' }),
  origins,
  upstream,
  engine: words('Who reads and writes frames: our own code, or stock ws.', 'cut-through', [
    'cut-through',
    'buffered',
  ]),
  compression: section(
    'on or off, or its keys below it',
    {
      ...compressionKeys,
      concurrency: number('Messages that are compressed or inflated at once.', 4, 64),
    },
    'enabled',
  )
    .prefault({})
    .meta({ description: 'permessage-deflate, at the cost of memory and CPU.' }),
  inspect,
  info,
  limits: section('its keys below it, such as frameBytes: 8MiB', {
    sessions: number('Sessions at once; auto: 10000, or what the file descriptors carry.', 'auto', 1e6),
    sessionsPerAddress: number('Sessions at once from one address (IPv6: one /64).', 'off', 1e6),
    handshakesInFlight: number('Handshakes that are not answered yet.', 512, 1e5),
    handshakesPerSecond: number('Handshakes a second; bursts of twice as many pass.', 300, 1e6),
    handshakesPerSecondPerAddress: number('The same for one address (IPv6: one /64).', 'off', 1e6),
    ...sessionLimitKeys,
    readiness: words('What /readyz follows; capacity: 503 while no session has room.', 'process', [
      'process',
      'capacity',
    ]),
  })
    .prefault({})
    .meta({ description: 'Caps.' }),
  timeouts: section('its keys below it, such as ping: 25s', {
    handshake: time('From the first byte of the request to its answer.', '5s', '10ms', '1m'),
    ping: time('Interval of WebSocket pings, spread by 10 %.', '25s', '10ms', '1h'),
    silence: time('A client from which no byte came for so long is gone.', '5m', '10ms', '24h'),
    stall: time('A side that reads nothing for so long, while bytes wait, is ended.', '30s', '10ms', '1h'),
    close: time('Wait for the answer to a close frame.', '2s', '10ms', '1m'),
  })
    .prefault({})
    .meta({ description: 'Deadlines.' }),
  drain: section('its keys below it, such as timeout: 30s', {
    delay: time('For so long after the signal new sessions are still taken.', '5s', '0s', '10m'),
    timeout: time('Over so long the open sessions are then closed.', '30s', '0s', '1h'),
    budget: time('Longest that delay and timeout together may take.', 'off', '1s', '24h', 'off'),
  })
    .prefault({})
    .meta({ description: 'Shutting down.' }),
  log: section('its keys below it, such as level: info', {
    level: words('Least important line that is written.', 'info', [
      'debug',
      'info',
      'warn',
      'error',
      'silent',
    ]),
    format: words('A JSON object in each line, or text for people; auto: text at a terminal.', 'auto', [
      'auto',
      'json',
      'text',
    ]),
  })
    .prefault({})
    .meta({ description: 'The log on standard output.' }),
  routes: z
    .array(route, { error: () => ROUTES })
    .prefault([])
    .meta({ description: 'Hosts and paths that are served in another way.', default: [] }),
});

export type RouteValues = Values['routes'][number];

/** The keys alone. */
export const KEYS: KeyShape = shapeOf(schema);
/** Those of one route. */
export const ROUTE_KEYS: KeyShape = shapeOf(route);

/** Checks and converts every value and reports all misfits, not only the first. */
export function readValues(
  written: unknown,
): { readonly ok: true; readonly values: Values } | { readonly ok: false; readonly misfits: Misfit[] } {
  const result = schema.safeParse(written);
  return result.success
    ? { ok: true, values: result.data }
    : { ok: false, misfits: result.error.issues.map(misfit) };
}

/** JSON Schema (draft 2020-12) of the long forms, as zod writes it; `json-schema.ts` adds the short ones. */
export function longFormJsonSchema(): object {
  return z.toJSONSchema(schema, {
    io: 'input',
    // A default in its short form reads better than the list that zod makes of it.
    override({ zodSchema, jsonSchema }) {
      const written = z.globalRegistry.get(zodSchema)?.['default'];
      if (written !== undefined) jsonSchema.default = written as never;
    },
  });
}

function misfit(issue: z.core.$ZodIssue): Misfit {
  const path = issue.path.filter((step) => typeof step !== 'symbol');
  if (issue.code !== 'custom') return { path, expected: issue.message, detail: undefined };
  const { what, write, expected } = issue.params as Record<'what' | 'write' | 'expected', string>;
  return { path, expected, detail: { what, write } };
}

function shapeOf(type: z.core.$ZodType): KeyShape {
  if (type instanceof z.ZodPrefault || type instanceof z.ZodOptional) {
    const inner = shapeOf(type.def.innerType);
    if (inner.kind !== 'value') return { ...inner, optional: true };
    const preset = type instanceof z.ZodPrefault ? type.def.defaultValue : undefined;
    return typeof preset === 'string' ? { ...inner, preset } : inner;
  }
  if (type instanceof z.ZodArray) {
    const item = shapeOf(type.element);
    return item.kind === 'section' ? { kind: 'list', item } : { kind: 'list' };
  }
  if (!(type instanceof z.ZodObject)) return { kind: 'value' };
  const keys = Object.entries(type.shape).map(([key, inner]) => [key, shapeOf(inner)] as const);
  return { kind: 'section', keys: new Map(keys), short: shortForms.get(type)?.short };
}

function section<S extends z.ZodRawShape>(expected: string, shape: S, short?: string) {
  const made = z.strictObject(shape, { error: () => expected });
  if (short === undefined) return made;
  // meta() on what is made of it later keeps `made` inside, so the registry still finds it there.
  shortForms.add(made, { short });
  return made;
}

/** A value read from its text. Without any text, or with a list or map in its place, zod asks `error`. */
function reading<T>(reader: Reader<T>) {
  return z.string({ error: () => reader.expected }).transform((text, context): T => {
    const result = reader.read(text);
    if (result.ok) return result.value;
    const params = { what: result.what, write: result.write, expected: reader.expected };
    context.issues.push({ code: 'custom', message: result.what, params, input: text });
    return z.NEVER;
  });
}

function required<T>(description: string, reader: Reader<T>) {
  return reading(reader).meta({ description });
}

function optional<T>(description: string, reader: Reader<T>) {
  return reading(reader).optional().meta({ description });
}

/** `word`: the one entry that stands there when nothing is written. */
function list<T>(description: string, reader: Reader<T>, word?: string) {
  const expected = `a list with each entry ${reader.expected}`;
  return z
    .array(reading(reader), { error: () => expected })
    .prefault(word === undefined ? [] : [word])
    .meta({ description, default: word ?? [] });
}

function requiredList<T>(description: string, reader: Reader<T>, expected: string) {
  return z
    .array(reading(reader), { error: () => expected })
    .min(1, { error: () => expected })
    .meta({ description });
}

function preset<T>(description: string, reader: Reader<T>, written: string | number, json: object) {
  return reading(reader)
    .prefault(String(written))
    .meta({ description, default: written, ...json });
}

function address(description: string, host: string, written: string) {
  const json = { type: ['string', 'integer'], minimum: 0, maximum: 65_535 };
  return preset(description, listenAddress(host), written, json);
}

function words<const T extends string>(description: string, written: NoInfer<T>, known: readonly T[]) {
  const isSwitch = known.some((word) => word === 'on');
  const canBeOff = known.some((word) => word === 'off');
  const spelled = `${isSwitch ? '^(true|yes)$|' : ''}${canBeOff ? '^(false|no)$|' : ''}${INTERPOLATED}`;
  const boolean = isSwitch ? { type: 'boolean' } : { const: false };
  return preset(description, choice(known), written, {
    ...(canBeOff ? { type: ['string', 'boolean'] } : {}),
    anyOf: [{ enum: known }, { type: 'string', pattern: spelled }, ...(canBeOff ? [boolean] : [])],
  });
}

function time(description: string, written: string, least: string, most: string, word?: 'off') {
  const example = written === 'off' ? '12h' : written;
  const zero = word === 'off' || least === '0s';
  return preset(description, duration(least, most, example, word), written, {
    ...(zero ? { type: ['string', 'integer'], minimum: 0, maximum: 0 } : {}),
    ...(word === 'off' ? OR_FALSE : {}),
    pattern: `^((0|[1-9][0-9]*)([.][0-9]+)?(ms|s|m|h))+$${word === undefined ? '' : `|${OFF_PATTERN}`}|${INTERPOLATED}`,
  });
}

function bytes(description: string, written: string, least: string, most: string) {
  return preset(description, size(least, most, written), written, {
    type: ['string', 'integer'],
    pattern: `^(0|[1-9][0-9]*)([.][0-9]+)?(B|KiB|MiB|GiB)$|${INTERPOLATED}`,
  });
}

function number(description: string, written: 'auto', most: number): Preset<number | undefined>;
function number(description: string, written: number | 'off', most: number): Preset<number>;
function number(description: string, written: number | 'off' | 'auto', most: number) {
  const word = typeof written === 'string' ? written : undefined;
  return preset(description, count(1, most, word), written, {
    type: ['integer', 'string'],
    ...(word === 'off' ? OR_FALSE : {}),
    minimum: word === 'off' ? 0 : 1,
    maximum: most,
    pattern: `${word === undefined ? '' : `${word === 'off' ? OFF_PATTERN : `^${word}$`}|`}${INTERPOLATED}`,
  });
}

type Preset<T> = ReturnType<typeof preset<T>>;
