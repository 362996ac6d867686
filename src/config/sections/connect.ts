import { clientToken, cookieJwt, cookieUser, sentinelLogin, webhookLogin } from '../../nats/client-login.ts';
import {
  credsLogin,
  type Login,
  type LoginReading,
  type LoginSource,
  nkeyLogin,
  sameForAll,
  tokenLogin,
  userLogin,
} from '../../nats/login.ts';
import { mintLogin, type Tags } from '../../nats/mint.ts';
import {
  type IdentityTemplate,
  NAME_VALUES,
  type NameTemplate,
  readNameTemplate,
  readTemplate,
  TOKEN_VALUES,
} from '../../nats/name-template.ts';
import { isAccountKey } from '../../nats/nkey.ts';
import { readStampTemplate, type StampHeaders } from '../../nats/stamp.ts';
import { cookieName } from '../auth-values.ts';
import { optional, section, texts, type ValuesOf, words } from '../keys.ts';
import { fileName, right, type ValueParser, wrong } from '../values.ts';
import type { Files } from './check.ts';

const MAX_FILE_BYTES = 16 * 1024;

const userName: ValueParser<string> = {
  expected: 'the name of a user of nats-server',
  read: (text) => (text === '' ? wrong('empty', 'the name is empty', userName.expected) : right(text)),
};

const accountKey: ValueParser<string> = {
  expected: 'the public key of an account, which begins with A',
  read: (text) =>
    isAccountKey(text)
      ? right(text)
      : wrong('account_key', 'this is not the public key of an account', accountKey.expected),
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
      'mint',
      'sentinel',
    ]),
    user: optional('Name of the user, for kind user.', userName),
    passwordFile: optional('File with the password of that user.', fileName),
    userCookie: optional('Cookie with the name of the user, for kind user.', cookieName),
    passwordCookie: optional('Cookie with the password of the user, for kind user.', cookieName),
    tokenFile: optional('File with the token of the server, for kind token.', fileName),
    tokenCookie: optional('Cookie with the token, for kind token or sentinel.', cookieName),
    sentinelFile: optional('File with the bearer JWT of a user, for kind sentinel.', fileName),
    jwtCookie: optional('Cookie with a user JWT, for kind jwt.', cookieName),
    credsFile: optional('Credentials file with user JWT and seed, for kind creds.', fileName),
    seedFile: optional('File with the nkey seed of a user, or of a signing key for kind mint.', fileName),
    account: optional('Public key of the account whose users are made, for kind mint.', accountKey),
    tags: texts('Tags of these users by name.', 'tags, such as tenant: "{tenant}"'),
    clientCredentials: words(
      'What becomes of credentials that a client writes; auto: keep for kind none, else drop.',
      'auto',
      ['auto', 'keep', 'drop', 'refuse'],
    ),
    name: optional('Template of the name that nats-server shows of a connection.', nameTemplate),
    stamp: texts(
      'Headers that each message of a client leaves with.',
      'headers, such as Natsgate-User: "{user}"',
    ),
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
  /** undefined: messages leave as they came. */
  readonly stamp: StampHeaders | undefined;
};

type FileKey = 'passwordFile' | 'tokenFile' | 'sentinelFile' | 'credsFile' | 'seedFile';

/** Whether CONNECT must be written anew. */
export const changesConnect = ({ kind, clientCredentials, name, stamp }: ConnectValues): boolean =>
  kind !== 'none' ||
  clientCredentials === 'drop' ||
  clientCredentials === 'refuse' ||
  name !== undefined ||
  Object.keys(stamp).length > 0;

export async function connectConfig(values: ConnectValues, files: Files): Promise<ConnectConfig> {
  const { kind, clientCredentials, name } = values;
  return {
    login: await loginIn(values, files),
    clientCredentials: clientCredentials === 'auto' ? (kind === 'none' ? 'keep' : 'drop') : clientCredentials,
    name,
    stamp: stampOf(values),
  };
}

/** What can be read of it. */
function stampOf({ stamp }: ConnectValues): StampHeaders | undefined {
  const headers = Object.entries(stamp).flatMap(([name, text]) => {
    const template = readStampTemplate(text);
    return template === undefined ? [] : [[name, template] as const];
  });
  return headers.length === 0 ? undefined : Object.fromEntries(headers);
}

async function loginIn(values: ConnectValues, files: Files): Promise<LoginSource | undefined> {
  const { kind, user = '', account = '' } = values;
  const { userCookie, passwordCookie = '', tokenCookie, jwtCookie = '' } = values;
  const read = (
    key: FileKey,
    reader: (content: Buffer) => LoginReading<Login | LoginSource>,
  ): Promise<LoginSource | undefined> => loginOf(key, values[key], reader, files);
  switch (kind) {
    case 'user':
      if (userCookie !== undefined) return cookieUser(userCookie, passwordCookie);
      return read('passwordFile', (content) => userLogin(user, content));
    case 'token':
      if (values.tokenFile === undefined) return clientToken(tokenCookie);
      return read('tokenFile', tokenLogin);
    case 'jwt':
      return cookieJwt(jwtCookie);
    case 'creds':
      return read('credsFile', (content) => credsLogin(content, Date.now()));
    case 'nkey':
      return read('seedFile', nkeyLogin);
    case 'webhook':
      return webhookLogin;
    case 'mint':
      return read('seedFile', (content) => mintLogin(content, account, tagTemplates(values)));
    case 'sentinel':
      return read('sentinelFile', (content) => sentinelLogin(content, tokenCookie));
    case 'none':
      return undefined;
  }
}

/** Those that can be read. */
export const tagTemplates = ({ tags }: ConnectValues): Tags =>
  Object.fromEntries(
    Object.entries(tags).flatMap(([name, text]) => {
      const template = readTemplate(text, TOKEN_VALUES);
      return template === undefined ? [] : [[name, template] satisfies [string, IdentityTemplate]];
    }),
  );

async function loginOf(
  key: FileKey,
  name: string | undefined,
  reader: (content: Buffer) => LoginReading<Login | LoginSource>,
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
  const { login } = reading;
  return 'of' in login ? login : sameForAll(login);
}
