import {
  credsLogin,
  type LoginReading,
  type LoginSource,
  nkeyLogin,
  sameForAll,
  tokenLogin,
  userLogin,
} from '../../nats/login.ts';
import { NAME_VALUES, type NameTemplate, readNameTemplate, TOKEN_VALUES } from '../../nats/name-template.ts';
import { optional, section, type ValuesOf, words } from '../keys.ts';
import { fileName, right, type ValueParser, wrong } from '../values.ts';
import type { Check, Files } from './check.ts';

const MAX_FILE_BYTES = 16 * 1024;

const userName: ValueParser<string> = {
  expected: 'the name of a user of nats-server',
  read: (text) => (text === '' ? wrong('empty', 'the name is empty', userName.expected) : right(text)),
};

const nameTemplate: ValueParser<NameTemplate> = {
  expected: `text with ${NAME_VALUES.map((value) => `{${value}}`).join(', ')} in it`,
  read(text) {
    const template = readNameTemplate(text);
    return template === undefined
      ? wrong('unknown_placeholder', 'braces are around a word that is not known here', nameTemplate.expected)
      : right(template);
  },
};

export const connect = section(
  'What CONNECT says to nats-server in the name of clients.',
  'its keys below it, such as kind: nkey',
  {
    kind: words('Who logs in: each client by itself, or the gateway for all of them.', 'none', [
      'none',
      'user',
      'token',
      'creds',
      'nkey',
    ]),
    user: optional('Name of the user, for kind user.', userName),
    passwordFile: optional('File with the password of that user.', fileName),
    tokenFile: optional('File with the token of the server, for kind token.', fileName),
    credsFile: optional('Credentials file with user JWT and seed, for kind creds.', fileName),
    seedFile: optional('File with the nkey seed of a user, for kind nkey.', fileName),
    clientCredentials: words(
      'What becomes of credentials that a client writes; auto: keep for kind none, else drop.',
      'auto',
      ['auto', 'keep', 'drop', 'refuse'],
    ),
    name: optional('Template of the name that nats-server shows of a connection.', nameTemplate),
  },
);
export type ConnectValues = ValuesOf<typeof connect>;

export type ConnectConfig = {
  /** undefined: clients log in by themselves. */
  readonly login: LoginSource | undefined;
  readonly clientCredentials: 'keep' | 'drop' | 'refuse';
  /** undefined: the client's own name. */
  readonly name: NameTemplate | undefined;
};

type FileKey = 'passwordFile' | 'tokenFile' | 'credsFile' | 'seedFile';
/** What each kind needs, and nothing else of these. */
const KEYS_OF = {
  none: [],
  user: ['user', 'passwordFile'],
  token: ['tokenFile'],
  creds: ['credsFile'],
  nkey: ['seedFile'],
} as const satisfies Record<ConnectValues['kind'], readonly ('user' | FileKey)[]>;
const KIND_KEYS = Object.values(KEYS_OF).flat();

/** Whether CONNECT must be written anew. */
export const changesConnect = ({ kind, clientCredentials, name }: ConnectValues): boolean =>
  kind !== 'none' || clientCredentials === 'drop' || clientCredentials === 'refuse' || name !== undefined;

/** `asks`: clients are asked who they are. */
export function checkConnect(values: ConnectValues, asks: boolean, { problem, isWritten }: Check): void {
  const unknown = TOKEN_VALUES.find((value) =>
    values.name?.some((part) => typeof part === 'object' && part.value === value),
  );
  if (unknown !== undefined && !asks)
    problem(
      'name_without_auth',
      ['connect', 'name'],
      `nobody is asked who they are, so {${unknown}} would be empty; write auth, or remove {${unknown}}`,
    );
  const needed: readonly string[] = KEYS_OF[values.kind];
  for (const key of KIND_KEYS) {
    if (needed.includes(key) && values[key] === undefined)
      problem('login_incomplete', ['connect', 'kind'], `kind ${values.kind} needs connect.${key}; write it`);
    if (!needed.includes(key) && isWritten(['connect', key])) {
      const kind = Object.entries(KEYS_OF).find(([, keys]) => (keys as readonly string[]).includes(key))?.[0];
      problem(
        'login_of_other_kind',
        ['connect', key],
        `${key} is for kind ${kind}, and connect.kind is ${values.kind}; write kind: ${kind}, or remove ${key}`,
      );
    }
  }
  if (values.kind !== 'none' && values.clientCredentials === 'keep')
    problem(
      'mixed_login',
      ['connect', 'clientCredentials'],
      `credentials of the client would be mixed with the login of kind ${values.kind}; write drop or refuse, or kind: none`,
    );
}

export async function connectConfig(values: ConnectValues, files: Files): Promise<ConnectConfig> {
  const { kind, clientCredentials, name } = values;
  return {
    login: await loginIn(values, files),
    clientCredentials: clientCredentials === 'auto' ? (kind === 'none' ? 'keep' : 'drop') : clientCredentials,
    name,
  };
}

async function loginIn(values: ConnectValues, files: Files): Promise<LoginSource | undefined> {
  const { kind, user = '' } = values;
  const read = (key: FileKey, reader: (content: Buffer) => LoginReading): Promise<LoginSource | undefined> =>
    loginOf(key, values[key], reader, files);
  switch (kind) {
    case 'user':
      return read('passwordFile', (content) => userLogin(user, content));
    case 'token':
      return read('tokenFile', tokenLogin);
    case 'creds':
      return read('credsFile', (content) => credsLogin(content, Date.now()));
    case 'nkey':
      return read('seedFile', nkeyLogin);
    case 'none':
      return undefined;
  }
}

async function loginOf(
  key: FileKey,
  name: string | undefined,
  reader: (content: Buffer) => LoginReading,
  { read, problem, warning }: Files,
): Promise<LoginSource | undefined> {
  const path = ['connect', key];
  const content = await read(path, name, MAX_FILE_BYTES, true);
  if (content === undefined) return undefined;
  const reading = reader(content);
  content.fill(0);
  if (!reading.ok) {
    problem('login', path, reading.problem);
    return undefined;
  }
  if (reading.warning !== undefined) warning('login', path, reading.warning);
  return sameForAll(reading.login);
}
