import { isLiteralToken } from '../../nats/literal-token.ts';
import { readTemplate, TOKEN_VALUES } from '../../nats/name-template.ts';
import { isStampName, readStampTemplate, STAMP_VALUES } from '../../nats/stamp.ts';
import type { Path } from '../path.ts';
import type { AuthValues } from './auth.ts';
import type { Check } from './check.ts';
import type { ConnectValues } from './connect.ts';
import { checkCookieName, checkCookieOrigins } from './cookie-origins.ts';
import type { OriginsConfig } from './origins.ts';

type Kind = ConnectValues['kind'];

/** By kind the ways in which it may be written: the keys of each, and no others of these. */
const WAYS = {
  none: [[]],
  user: [
    ['user', 'passwordFile'],
    ['userCookie', 'passwordCookie'],
  ],
  // Without a key it is the token that auth verified.
  token: [[], ['tokenFile'], ['tokenCookie']],
  jwt: [['jwtCookie']],
  creds: [['credsFile']],
  nkey: [['seedFile']],
  webhook: [[]],
  mint: [['seedFile', 'account', 'tags']],
  sentinel: [['sentinelFile'], ['sentinelFile', 'tokenCookie']],
} as const satisfies Record<Kind, readonly (readonly (keyof ConnectValues)[])[]>;

type KindKey = (typeof WAYS)[Kind][number][number];
const KIND_KEYS = [...new Set<KindKey>(Object.values(WAYS).flat(2))];
const keysOf = (kind: Kind): readonly KindKey[] => WAYS[kind].flat();

const COOKIES = ['userCookie', 'passwordCookie', 'tokenCookie', 'jwtCookie'] as const;

/** What the route is besides. */
type Beside = { readonly origins: OriginsConfig; readonly auth?: AuthValues | undefined };

export function checkConnect(values: ConnectValues, { origins, auth }: Beside, check: Check): void {
  checkKeys(values, check);
  checkIdentity(values, auth, check);
  checkTags(values, auth, check);
  checkStamp(values, auth, check);
  const named = COOKIES.filter((key) => values[key] !== undefined);
  for (const key of named) checkCookieName(values[key] ?? '', ['connect', key], check);
  const [first] = named;
  if (first !== undefined && auth !== undefined) {
    const text =
      'auth asks one token who the client is, and nats-server asks this cookie, which may be of somebody else; write kind: token without a cookie, mint or another kind';
    check.warning('two_identities', ['connect', first], text);
  }
  if (values.kind === 'mint' && auth?.webhook !== undefined && auth.webhook.recheck > 0) {
    const text =
      'a recheck can end a session earlier, but not later than its minted user ends; let the webhook answer with an expiresAt that is late enough';
    check.warning('mint_and_recheck', ['connect', 'kind'], text);
  }
  if (first !== undefined) checkCookieOrigins(['connect', first], values, origins, check);
  if (values.kind !== 'none' && values.clientCredentials === 'keep')
    check.problem(
      'mixed_login',
      ['connect', 'clientCredentials'],
      `credentials of the client would be mixed with the login of kind ${values.kind}; write drop or refuse, or kind: none`,
    );
}

function checkKeys(values: ConnectValues, { problem, isWritten }: Check): void {
  const { kind } = values;
  for (const key of KIND_KEYS) {
    if (keysOf(kind).includes(key) || !isWritten(['connect', key])) continue;
    const kinds = (Object.keys(WAYS) as Kind[]).filter((other) => keysOf(other).includes(key)).join(' or ');
    problem(
      'login_of_other_kind',
      ['connect', key],
      `${key} is for kind ${kinds}, and connect.kind is ${kind}; write kind: ${kinds}, or remove ${key}`,
    );
  }
  const given = keysOf(kind).filter((key) => values[key] !== undefined);
  const ways: readonly (readonly KindKey[])[] = WAYS[kind];
  const begun =
    ways.find((way) => given.every((key) => way.includes(key))) ??
    ways.find((way) => given.some((key) => way.includes(key))) ??
    [];
  for (const key of given.filter((one) => !begun.includes(one)))
    problem('two_logins', ['connect', key], `${begun.join(' and ')} already say who logs in; write one way`);
  for (const key of begun.filter((one) => values[one] === undefined))
    problem('login_incomplete', ['connect', 'kind'], `kind ${kind} needs connect.${key}; write it`);
}

/** What is made of a verified token needs one. */
function checkIdentity(values: ConnectValues, auth: AuthValues | undefined, check: Check): void {
  // A route may have switched off auth, and inherit connect.
  const kind: Path = check.isWritten(['connect']) ? ['connect', 'kind'] : ['auth'];
  if (values.kind === 'webhook' && auth?.webhook === undefined)
    check.problem(
      'login_without_webhook',
      kind,
      'kind webhook needs auth.webhook, which answers with the login; write it',
    );
  if (auth !== undefined) return;
  const unknown = TOKEN_VALUES.find((value) =>
    values.name?.some((part) => typeof part === 'object' && part.value === value),
  );
  if (unknown !== undefined)
    check.problem(
      'name_without_auth',
      ['connect', 'name'],
      `nobody is asked who they are, so {${unknown}} would be empty; write auth, or remove {${unknown}}`,
    );
  if (values.kind === 'mint')
    check.problem(
      'login_without_auth',
      kind,
      'nobody is asked who they are, so kind mint cannot say which user to make; write auth, or another kind',
    );
  const isOfToken = (values.kind === 'token' && values.tokenFile === undefined) || values.kind === 'sentinel';
  if (isOfToken && values.tokenCookie === undefined)
    check.problem(
      'login_without_auth',
      kind,
      `kind ${values.kind} has no token; write connect.tokenCookie${values.kind === 'token' ? ' or tokenFile' : ''}, or auth, which verifies the token of the client`,
    );
}

const MAX_STAMP_HEADERS = 8;
const MAX_STAMP_TEXT = 256;

function checkStamp({ stamp }: ConnectValues, auth: AuthValues | undefined, { problem }: Check): void {
  const names = Object.keys(stamp);
  if (
    new Set(names.map((name) => name.toLowerCase())).size < names.length ||
    names.length > MAX_STAMP_HEADERS
  )
    problem('stamp_headers', ['connect', 'stamp'], `write at most ${MAX_STAMP_HEADERS} headers, each once`);
  for (const [name, text] of Object.entries(stamp)) {
    const path = ['connect', 'stamp', name];
    if (!isStampName(name))
      problem('stamp_name', path, 'write a name of letters, digits and -, which does not begin with Nats-');
    const template = readStampTemplate(text);
    if (
      template === undefined ||
      !/^[ -~]*$/.test(text) ||
      text.trim() !== text ||
      text.length > MAX_STAMP_TEXT
    ) {
      const known = STAMP_VALUES.map((value) => `{${value}}`).join(', ');
      problem(
        'stamp_value',
        path,
        `write visible ASCII with ${known} in it, at most ${MAX_STAMP_TEXT} characters`,
      );
      continue;
    }
    const needed = TOKEN_VALUES.find((value) =>
      template.some((part) => typeof part === 'object' && part.value === value),
    );
    if (needed !== undefined && auth === undefined)
      problem(
        'stamp_without_auth',
        path,
        `nobody is asked who they are, so {${needed}} would never be known; write auth, or remove {${needed}}`,
      );
  }
}

function checkTags({ tags }: ConnectValues, auth: AuthValues | undefined, { problem }: Check): void {
  for (const [name, text] of Object.entries(tags)) {
    const path = ['connect', 'tags', name];
    // nats-server looks for the name in lower case.
    if (!/^[a-z0-9_-]{1,64}$/.test(name))
      problem('tag_name', path, 'a tag cannot have this name; write small letters, digits, - and _');
    const template = readTemplate(text, TOKEN_VALUES);
    if (template === undefined) {
      const known = TOKEN_VALUES.map((value) => `{${value}}`).join(' or ');
      problem('unknown_placeholder', path, `braces are around a word that is not known here; write ${known}`);
      continue;
    }
    if (!isLiteralToken(template.map((part) => (typeof part === 'string' ? part : 'x')).join('')))
      problem(
        'tag_value',
        path,
        'a tag becomes one token of a subject; write it without dots, blanks, * and >',
      );
    const isOfTenant = template.some((part) => typeof part === 'object' && part.value === 'tenant');
    const isKnown = auth === undefined || auth.webhook !== undefined || auth.identity.tenant !== undefined;
    if (isOfTenant && !isKnown) {
      const text = 'no claim names the tenant; write auth.identity.tenant, such as tenant: org_id';
      problem('tag_without_claim', path, text);
    }
  }
}
