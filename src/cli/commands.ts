/** The commands and their options, as data: what `arguments.ts` reads and `help.ts` shows. */

export type Option = {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** The placeholder of the value in a help page. */
  readonly value?: string;
  /** The values that there are, where they are few. */
  readonly words?: readonly string[];
  readonly says: string;
};

/** In the form of `parseArgs` of node:util, which passes over what it does not know. */
export const OPTIONS = {
  config: { type: 'string', short: 'c', value: 'FILE', says: 'configuration file (NATSGATE_CONFIG)' },
  upstream: {
    type: 'string',
    multiple: true,
    value: 'URL',
    says: 'nats-server, nats://host:4222 or host:4222; repeatable (NATSGATE_UPSTREAM)',
  },
  origin: {
    type: 'string',
    multiple: true,
    value: 'ORIGIN',
    says: 'origin of a page that may connect; repeatable (NATSGATE_ORIGINS)',
  },
  listen: {
    type: 'string',
    value: 'ADDRESS',
    says: 'public address, default 0.0.0.0:8080 (NATSGATE_LISTEN)',
  },
  admin: {
    type: 'string',
    value: 'ADDRESS',
    says: 'private address, default 127.0.0.1:8081 (NATSGATE_ADMIN)',
  },
  'drain-budget': {
    type: 'string',
    value: 'TIME',
    says: 'most that drain.delay and drain.timeout may take together (NATSGATE_DRAIN_BUDGET)',
  },
  'log-level': {
    type: 'string',
    value: 'LEVEL',
    words: ['debug', 'info', 'warn', 'error', 'silent'],
    says: 'debug, info, warn, error or silent (NATSGATE_LOG_LEVEL)',
  },
  'log-format': {
    type: 'string',
    value: 'FORMAT',
    words: ['auto', 'json', 'text'],
    says: 'text, json, or auto: text at a terminal (NATSGATE_LOG_FORMAT)',
  },
  json: { type: 'boolean', says: 'print the result as one JSON object' },
  quiet: { type: 'boolean', says: 'print problems and warnings only' },
  strict: { type: 'boolean', says: 'count warnings as problems' },
  'allow-missing-files': {
    type: 'boolean',
    says: 'pass over files that the configuration names and that are on another machine',
  },
  dial: { type: 'boolean', says: 'also connect to every address of every nats-server, up to its INFO' },
  timeout: { type: 'string', value: 'TIME', says: 'for all of it together, such as 500ms or 5s; default 5s' },
  ca: { type: 'string', value: 'FILE', says: 'trust the authorities in this PEM file, and no others' },
  'server-name': {
    type: 'string',
    value: 'NAME',
    says: 'name in the certificate, if not the host of the URL',
  },
  'token-file': { type: 'string', value: 'FILE', says: 'file with the token of a client, alone in it' },
  route: {
    type: 'string',
    value: 'NAME',
    says: 'route that the client would use; without it, the keys at the top',
  },
  to: { type: 'string', value: 'TARGET', says: 'file to write; default: the name of FILE with .pcapng' },
  speed: { type: 'string', value: 'N', says: 'times as fast as it was, such as 10, or max; default 1' },
  as: {
    type: 'string',
    value: 'FILE',
    says: 'credentials to log in with, as nsc generate creds prints them',
  },
  'nkey-file': { type: 'string', value: 'FILE', says: 'file with the seed of an nkey, alone in it' },
  user: { type: 'string', value: 'NAME', says: 'user to log in as, with --password-file' },
  'password-file': { type: 'string', value: 'FILE', says: 'file with the password of --user, alone in it' },
  capture: { type: 'string', value: 'FILE', says: 'capture whose operations are tried, in place of FILE' },
  yes: { type: 'boolean', says: 'also to a server that is not on this machine' },
  'allow-admin': { type: 'boolean', says: 'also what may change what others have on the server' },
  lan: {
    type: 'boolean',
    says: 'also for a phone: page and gateway at this machine’s address in its network',
  },
  version: { type: 'boolean', short: 'v', says: 'print the version; also -V' },
  help: { type: 'boolean', short: 'h', says: 'print help, also of one command' },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof OPTIONS;

export type Command = {
  readonly usage: string;
  readonly summary: string;
  readonly options: readonly OptionName[];
  /** Where an option means something else than in the other commands. */
  readonly says?: Readonly<Partial<Record<OptionName, string>>>;
  /** Most arguments behind the command that are no options. */
  readonly operands: number;
  /** The first of them, where it is one of a few words. */
  readonly words?: readonly string[];
  /** What the help page says before the options, a paragraph each. */
  readonly about: readonly string[];
  readonly examples: readonly string[];
  readonly exitCodes: readonly (readonly [code: string, meaning: string])[];
};

const GATEWAY = [
  'config',
  'upstream',
  'origin',
  'listen',
  'admin',
  'drain-budget',
  'log-level',
  'log-format',
] as const;

export const COMMANDS = {
  serve: {
    usage: 'natsgate [serve] [options]',
    summary: 'run the gateway; the word serve may be left out',
    options: GATEWAY,
    operands: 0,
    about: [
      'A flag wins over an environment variable, and that over the file. Without a file, two options are enough.',
      'Signals: SIGHUP reads the configuration again; SIGTERM, SIGINT, SIGQUIT and SIGUSR2 drain; a second ends it.',
    ],
    examples: [
      'natsgate --upstream localhost:4222 --origin http://localhost:5173',
      'natsgate --config natsgate.yaml --log-level debug',
    ],
    exitCodes: [
      ['0', 'drained'],
      ['1', 'could not start'],
      ['2', 'wrong usage'],
      ['70', 'a fault inside natsgate'],
      ['130, 143', 'a second SIGINT or SIGTERM cut the drain short; 131 SIGQUIT, 140 SIGUSR2'],
    ],
  },
  check: {
    usage: 'natsgate check [FILE] [options]',
    summary: 'validate the configuration; every problem with its place and what to write',
    options: [...GATEWAY, 'json', 'quiet', 'strict', 'allow-missing-files', 'dial'],
    operands: 1,
    about: [
      'FILE is the same as --config FILE; - is standard input. Without problems it prints what the gateway would do.',
      'With --dial it looks up each name of upstream, connects to each address, and waits for INFO and TLS.',
    ],
    examples: [
      'natsgate check natsgate.yaml',
      'natsgate check natsgate.yaml --quiet --strict --allow-missing-files   # in CI',
      'natsgate check natsgate.yaml --dial   # on the machine where it will run',
    ],
    exitCodes: [
      ['0', 'valid, perhaps with warnings'],
      ['1', 'problems; with --strict also warnings, with --dial an address without a nats-server'],
      ['2', 'wrong usage'],
    ],
  },
  probe: {
    usage: 'natsgate probe URL [options]',
    summary: 'open a session as a client does, wait for INFO and PONG, close it',
    options: ['origin', 'timeout', 'ca', 'server-name'],
    says: { origin: 'the Origin that a browser would send' },
    operands: 1,
    about: ['URL is ws://host:port or wss://host:port, with the path of a route if it has one.'],
    examples: [
      'natsgate probe ws://127.0.0.1:8080 --origin https://app.example.com',
      'natsgate probe wss://127.0.0.1:8443 --ca ca.crt --server-name gw.example.com --timeout 2s',
    ],
    exitCodes: [
      ['0', 'nats-server answered through the gateway; also when it asks for a login'],
      ['1', 'it did not; one line says why'],
      ['2', 'wrong usage'],
    ],
  },
  auth: {
    usage: 'natsgate auth try [options]',
    summary: 'say who a client with this token is, and how it would log in to nats-server',
    options: ['config', 'token-file', 'route'],
    operands: 1,
    words: ['try'],
    about: [
      'It asks for keys, and the webhook, as the gateway does, and dials no nats-server. It prints no secret.',
      'A route is named by its host and path, as in the log.',
    ],
    examples: [
      'natsgate auth try --config natsgate.yaml --token-file token.txt',
      'natsgate auth try --config natsgate.yaml --token-file token.txt --route /programs',
    ],
    exitCodes: [
      ['0', 'the client would be let in'],
      ['1', 'it would not, or that cannot be said'],
      ['2', 'wrong usage'],
    ],
  },
  capture: {
    usage: 'natsgate capture export FILE [options]',
    summary: 'write a capture of a session as pcapng, for Wireshark',
    options: ['to'],
    operands: 2,
    words: ['export'],
    about: [
      'FILE is a capture of natsgate (NDJSON). IP and TCP in the result are made up, a connection for each side.',
      'A Wireshark without a NATS dissector needs examples/wireshark/natsgate.lua.',
    ],
    examples: [
      'natsgate capture export session.ndjson',
      'natsgate capture export session.ndjson --to /tmp/session.pcapng',
    ],
    exitCodes: [
      ['0', 'written'],
      ['1', 'the capture cannot be read, or nothing be written; one line says why'],
      ['2', 'wrong usage'],
    ],
  },
  replay: {
    usage: 'natsgate replay FILE --to URL [options]',
    summary: 'send a captured session to a nats-server, and compare the answers',
    options: [
      'to',
      'speed',
      'as',
      'nkey-file',
      'token-file',
      'user',
      'password-file',
      'ca',
      'yes',
      'allow-admin',
    ],
    says: {
      to: 'nats-server, nats://host:4222, or tls://host:4222',
      'token-file': 'file with a token for nats-server, alone in it',
    },
    operands: 1,
    about: [
      'FILE is a capture of natsgate (NDJSON). It logs in with one of --as, --nkey-file, --token-file and',
      '--user, or not at all.',
      'Operations wait for answers as they did, else for their time. Compared: deliveries, -ERR lines.',
      'Payloads that were not recorded are dots. For JetStream, record with payloads.',
    ],
    examples: [
      'natsgate replay session.ndjson --to nats://127.0.0.1:4222',
      'natsgate replay session.ndjson --to tls://test.example.com --as user.creds --speed max --yes',
    ],
    exitCodes: [
      ['0', 'the same answers'],
      ['1', 'other answers; each difference is a line'],
      ['2', 'wrong usage, or it cannot be replayed; one line says why'],
    ],
  },
  policy: {
    usage: 'natsgate policy test|suggest FILE [options]',
    summary: 'test what a policy allows, or suggest one by what was seen',
    options: ['config', 'route', 'capture', 'as'],
    says: { as: 'who the client of the capture is, such as "trader(user=alice, tenant=acme)"' },
    operands: 2,
    words: ['test', 'suggest'],
    about: [
      'A line of FILE: as trader(tenant=acme): PUB orders.acme.new -> allow. More in docs/policy.md.',
      'For suggest, FILE is an answer of /api/policy/observed, or a capture. Read what it prints before you use it.',
    ],
    examples: [
      'natsgate policy test expectations.txt --config natsgate.yaml',
      'natsgate policy test --capture session.ndjson --config natsgate.yaml',
      'natsgate policy suggest observed.json',
    ],
    exitCodes: [
      ['0', 'all as expected; of a capture, nothing would be refused'],
      ['1', 'something is not, or a file cannot be read'],
      ['2', 'wrong usage'],
    ],
  },
  dev: {
    usage: 'natsgate dev [--lan]',
    summary: 'a private nats-server, the gateway and a demo page on this machine',
    options: ['lan'],
    operands: 0,
    about: [
      'Finds nats-server on this machine, or brings it into a cache folder. Nothing is left when it ends.',
      'With --lan everybody in the network can open the page, and stop that nats-server.',
      'Nothing is encrypted then.',
    ],
    examples: ['natsgate dev', 'natsgate dev --lan', 'NATS_SERVER=/opt/nats/nats-server natsgate dev'],
    exitCodes: [
      ['0', 'ended by Ctrl-C, SIGTERM, or its terminal'],
      ['1', 'could not start'],
      ['2', 'wrong usage'],
    ],
  },
  completion: {
    usage: 'natsgate completion bash|zsh',
    summary: 'print a script by which the shell completes commands and options',
    options: [],
    operands: 1,
    words: ['bash', 'zsh'],
    about: [
      'For this shell alone: source <(natsgate completion bash), or zsh. For good: write it to a file as below;',
      'zsh reads files called _natsgate from the folders of its fpath.',
    ],
    examples: [
      'natsgate completion bash > ~/.local/share/bash-completion/completions/natsgate',
      'natsgate completion zsh > ~/.zfunc/_natsgate',
    ],
    exitCodes: [
      ['0', 'printed'],
      ['2', 'wrong usage'],
    ],
  },
  version: {
    usage: 'natsgate version',
    summary: 'print the version',
    options: [],
    operands: 0,
    about: [],
    examples: [],
    exitCodes: [['0', 'always']],
  },
  help: {
    usage: 'natsgate help [COMMAND]',
    summary: 'print help, also of one command',
    options: [],
    operands: 1,
    about: [],
    examples: ['natsgate help probe'],
    exitCodes: [
      ['0', 'printed'],
      ['2', 'there is no such command'],
    ],
  },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof COMMANDS;

/** What these commands are called in other programs. */
export const OTHER_NAMES: Readonly<Record<string, CommandName>> = {
  run: 'serve',
  start: 'serve',
  server: 'serve',
  up: 'serve',
  validate: 'check',
  verify: 'check',
  test: 'check',
  lint: 'check',
  ping: 'probe',
  health: 'probe',
  healthcheck: 'probe',
  connect: 'probe',
  demo: 'dev',
};
