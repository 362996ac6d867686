/** Values of `auth`: claim paths, where keys are fetched from, and names of cookies and parameters. */
import { isLoopback, parseAuthority } from '../net/host.ts';
import { compileTrustedProxies } from '../net/networks.ts';
import { parser, right, type ValueParser, wrong } from './values.ts';

/** Steps from the top of a token's claims to one of them. */
export type ClaimPath = readonly string[];

const MAX_CLAIM_STEPS = 8;
const MAX_TEXT_BYTES = 256;
const PRIVATE = compileTrustedProxies([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
]);
/** Names that no public DNS has: only what is inside can answer to them. */
const INTERNAL = /^[^.]+$|\.(svc|cluster\.local|internal|local)$/;

/** `sub`, `realm_access.roles`, or with dots of the name itself escaped: `https://example\.com/org`. */
export const claimPath = parser<ClaimPath>(
  'the name of a claim, such as sub or realm_access.roles',
  (text, refuse) => {
    const steps = text.split(/(?<!\\)\./).map((step) => step.replaceAll('\\.', '.'));
    const fits = steps.every((step) => step !== '') && steps.length <= MAX_CLAIM_STEPS;
    return fits && Buffer.byteLength(text) <= MAX_TEXT_BYTES
      ? right(steps)
      : refuse('claim_path', 'is not the path of a claim');
  },
);

/** Compared with the token as it is. */
export const claimText = parser(`a text of at most ${MAX_TEXT_BYTES} bytes`, (text, refuse) =>
  text !== '' && Buffer.byteLength(text) <= MAX_TEXT_BYTES
    ? right(text)
    : refuse('claim_text', 'is empty or too long'),
);

/** RFC 9110 §5.6.2. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

const nameOf = (what: string, code: string, example: string, pattern = TOKEN): ValueParser<string> =>
  parser(`the name of ${what}, such as ${example}`, (text, refuse) =>
    pattern.test(text) ? right(text) : refuse(code, `is not the name of ${what}`),
  );

const header = nameOf('a header', 'header_name', 'cookie');
/** In lower case. */
export const headerName: ValueParser<string> = {
  ...header,
  read: (text) => {
    const reading = header.read(text);
    return reading.ok ? right(reading.value.toLowerCase()) : reading;
  },
};
export const cookieName = nameOf('a cookie', 'cookie_name', '__Host-session');
export const parameterName = nameOf(
  'a parameter',
  'parameter_name',
  'access_token',
  /^[A-Za-z0-9_.~-]{1,128}$/,
);

/** https, or http to where nobody outside can answer. No message quotes it. */
export const keysUrl: ValueParser<string> = {
  expected: 'a URL such as https://id.example.com/.well-known/jwks.json',
  read: (text) => {
    const what = notHttp(text);
    if (what !== undefined) return wrong('keys_url', what, keysUrl.expected);
    const isSafe = text.toLowerCase().startsWith('https:') || isInside(text);
    return isSafe
      ? right(text)
      : wrong('keys_url', 'keys over http can be exchanged on their way', keysUrl.expected);
  },
};

/** Likewise. What goes over http is warned about elsewhere. */
export const webhookUrl: ValueParser<string> = {
  expected: 'a URL such as http://login.default.svc/natsgate',
  read: (text) => {
    const what = notHttp(text);
    return what === undefined ? right(text) : wrong('webhook_url', what, webhookUrl.expected);
  },
};

/** What is wrong with a URL of http or https; undefined: nothing. */
function notHttp(text: string): string | undefined {
  if (text.includes('@')) return 'a user name or password does not belong in the URL';
  if (/[\s#]/.test(text) || !/^https?:\/\//i.test(text) || !URL.canParse(text))
    return 'the URL is not one of http or https';
  return undefined;
}

/** Nobody outside can answer there: loopback, or a name without public DNS. */
export function isInside(url: string): boolean {
  const host = parseAuthority(new URL(url).host)?.host;
  return host !== undefined && (isLoopback(host) || (host.kind === 'name' && INTERNAL.test(host.text)));
}

/** Of a private network, as the addresses of pods are. */
export function isPrivateAddress(url: string): boolean {
  const host = parseAuthority(new URL(url).host)?.host;
  return host !== undefined && host.kind !== 'name' && PRIVATE.has(host.text.replace(/^\[|\]$/g, ''));
}
