import {
  address,
  list,
  optional,
  optionalSection,
  required,
  section,
  type ValuesOf,
  words,
} from '../keys.ts';
import { loadTls, type TlsMaterial, type TlsSection } from '../tls-files.ts';
import { hostName } from '../urls.ts';
import { fileName } from '../values.ts';
import type { Check, Files } from './check.ts';

const MAX_TOKEN_BYTES = 4096;
/** Fewer characters can be guessed by trying. */
const LEAST_TOKEN_LENGTH = 16;

const tls = optionalSection(
  'TLS on the admin address; without it, plain HTTP.',
  'the keys certFile and keyFile below it',
  {
    certFile: required('Certificate chain in PEM form, the certificate of the server first.', fileName),
    keyFile: required('Private key of the certificate in PEM form, without passphrase.', fileName),
  },
);

export const admin = section(
  'The private side.',
  'an address such as 127.0.0.1:8081, or its keys below it',
  {
    address: address('Where metrics, health and the API are served.', '127.0.0.1', '127.0.0.1:8081'),
    tokenFile: optional(
      'File with the token for what changes state or shows traffic, outside loopback.',
      fileName,
    ),
    hosts: list('Further host names that admin requests may carry in Host.', hostName),
    tls,
    payloads: words('Whether captures may have payloads, where one is asked for with them.', 'off', [
      'on',
      'off',
    ]),
    subjects: words(
      'How subjects are shown where one looks into sessions: hashed keeps two tokens.',
      'full',
      ['full', 'hashed'],
    ),
    page: words('Whether browsers that open the port get the status page.', 'on', ['on', 'off']),
  },
  'address',
);
type Values = ValuesOf<typeof admin>;

/** File names as they are opened. */
export type AdminTls = NonNullable<Values['tls']> & {
  readonly minVersion: TlsSection['minVersion'];
  /** A function, so that what writes a configuration out never meets the key. */
  readonly material: () => TlsMaterial;
};

export type AdminConfig = Omit<Values, 'tokenFile' | 'page' | 'payloads' | 'tls'> & {
  readonly page: boolean;
  /** By configuration and token; the third lock is the tick of who asks for them. */
  readonly payloads: boolean;
  /** The token itself. Never log it. */
  readonly token: string | undefined;
  readonly tls: AdminTls | undefined;
};

export const adminConfig = async (
  { tokenFile, page, payloads, ...values }: Values,
  files: Files,
): Promise<AdminConfig> => {
  const token = await tokenIn(tokenFile, files);
  return {
    ...values,
    page: page === 'on',
    payloads: payloads === 'on' && token !== undefined,
    token,
    tls: values.tls && (await loadTls('admin', { ...values.tls, minVersion: 'TLSv1.2' }, files)),
  };
};

export function checkAdmin({ payloads, tokenFile }: Values, { problem }: Check): void {
  if (payloads === 'off' || tokenFile !== undefined) return;
  problem(
    'payloads_without_token',
    ['admin', 'payloads'],
    'payloads may be recorded, and no token is asked for; write admin.tokenFile, too',
  );
}

async function tokenIn(
  name: string | undefined,
  { read, problem, warning }: Files,
): Promise<string | undefined> {
  const path = ['admin', 'tokenFile'];
  const token = (await read(path, name, MAX_TOKEN_BYTES, true))?.toString('latin1').trim();
  if (token === undefined) return undefined;
  if (!/^[\x21-\x7e]+$/.test(token)) {
    const text =
      token === ''
        ? 'the file is empty; write a token of at least 16 characters into it'
        : 'the token is not one line of visible ASCII characters; write such a one into the file';
    problem('token_malformed', path, text);
  } else if (token.length < LEAST_TOKEN_LENGTH) {
    const text = `the token is shorter than ${LEAST_TOKEN_LENGTH} characters; write a random one, such as 32 hexadecimal digits`;
    warning('token_short', path, text);
  }
  return token;
}
