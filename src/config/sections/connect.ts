import { cookieJwt, cookieToken, cookieUser, verifiedToken, webhookLogin } from '../../nats/client-login.ts';
import {
  credsLogin,
  type LoginReading,
  type LoginSource,
  nkeyLogin,
  sameForAll,
  tokenLogin,
  userLogin,
} from '../../nats/login.ts';
import { NAME_VALUES, type NameTemplate, readNameTemplate } from '../../nats/name-template.ts';
import { cookieName } from '../auth-values.ts';
import { optional, section, type ValuesOf, words } from '../keys.ts';
import { fileName, right, type ValueParser, wrong } from '../values.ts';
import type { Files } from './check.ts';

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
    kind: words('Who logs in: each client by itself, or the gateway for it.', 'none', [
      'none',
      'user',
      'token',
      'jwt',
      'creds',
      'nkey',
      'webhook',
    ]),
    user: optional('Name of the user, for kind user.', userName),
    passwordFile: optional('File with the password of that user.', fileName),
    userCookie: optional('Cookie with the name of the user, for kind user.', cookieName),
    passwordCookie: optional('Cookie with the password of the user, for kind user.', cookieName),
    tokenFile: optional('File with the token of the server, for kind token.', fileName),
    tokenCookie: optional('Cookie with the token, for kind token.', cookieName),
    jwtCookie: optional('Cookie with a user JWT, for kind jwt.', cookieName),
    credsFile: optional('Credentials file with user JWT and seed, for kind creds.', fileName),
    seedFile: optional('File with the nkey seed of a user, for kind nkey.', fileName),
    clientCredentials: words(
      'What becomes of credentials that a client writes; auto: keep for kind none, else drop.',
      'auto',
      ['auto', 'keep', 'drop', 'refuse'],
    ),
    name: optional('Template of the name that nats-server shows of a connection.', nameTemplate),
    cookieWithoutOrigin: words('Lets a cookie be beside origins.missing: allow.', 'off', ['on', 'off']),
    cookieFromWildcards: words('Lets a cookie be beside origins with a wildcard.', 'off', ['on', 'off']),
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

/** Whether CONNECT must be written anew. */
export const changesConnect = ({ kind, clientCredentials, name }: ConnectValues): boolean =>
  kind !== 'none' || clientCredentials === 'drop' || clientCredentials === 'refuse' || name !== undefined;

export async function connectConfig(values: ConnectValues, files: Files): Promise<ConnectConfig> {
  const { kind, clientCredentials, name } = values;
  return {
    login: await loginIn(values, files),
    clientCredentials: clientCredentials === 'auto' ? (kind === 'none' ? 'keep' : 'drop') : clientCredentials,
    name,
  };
}

async function loginIn(values: ConnectValues, files: Files): Promise<LoginSource | undefined> {
  const { kind, user = '', userCookie, passwordCookie = '', tokenCookie, jwtCookie = '' } = values;
  const read = (key: FileKey, reader: (content: Buffer) => LoginReading): Promise<LoginSource | undefined> =>
    loginOf(key, values[key], reader, files);
  switch (kind) {
    case 'user':
      if (userCookie !== undefined) return cookieUser(userCookie, passwordCookie);
      return read('passwordFile', (content) => userLogin(user, content));
    case 'token':
      if (tokenCookie !== undefined) return cookieToken(tokenCookie);
      if (values.tokenFile === undefined) return verifiedToken;
      return read('tokenFile', tokenLogin);
    case 'jwt':
      return cookieJwt(jwtCookie);
    case 'creds':
      return read('credsFile', (content) => credsLogin(content, Date.now()));
    case 'nkey':
      return read('seedFile', nkeyLogin);
    case 'webhook':
      return webhookLogin;
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
