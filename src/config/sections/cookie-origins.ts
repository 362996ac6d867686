import { parseOriginEntry } from '../../net/origin-entry.ts';
import type { Path } from '../path.ts';
import type { Check } from './check.ts';
import type { OriginsConfig } from './origins.ts';

type Switches = {
  readonly cookieWithoutOrigin: 'on' | 'off';
  readonly cookieFromWildcards: 'on' | 'off';
};

/** `path`: where it is named. */
export function checkCookieName(name: string, path: Path, { warning }: Check): void {
  if (/^__(Host|Secure)-/.test(name)) return;
  const text =
    'a cookie without __Host- or __Secure- in its name can be set by other pages of the domain; write such a name';
  warning('cookie_prefix', path, text);
}

/**
 * Browsers send cookies along whatever page asks: who may connect is then who may act for the user. `cookie`: where one
 * is named, in a section that has the two switches.
 */
export function checkCookieOrigins(
  cookie: Path,
  { cookieWithoutOrigin, cookieFromWildcards }: Switches,
  { allow, missing, opaque }: OriginsConfig,
  check: Check,
): void {
  const [section] = cookie;
  // A route may have the cookie and inherit the origins: then it is the cookie that is too much.
  const problem = (code: string, path: Path, text: string): void =>
    check.problem(code, check.isWritten(path) ? path : cookie, text);
  const kinds = allow.map((entry) => parseOriginEntry(entry).kind);
  if (kinds.includes('any')) {
    const text =
      "with a cookie every page of the world would act for its visitors; write the origins of your pages in place of '*'";
    problem('cookie_with_star', ['origins', 'allow', kinds.indexOf('any')], text);
  }
  if (opaque === 'allow') {
    const text =
      'with a cookie every page could act for its visitors by a sandboxed frame; write opaque: deny';
    problem('cookie_with_opaque', ['origins', 'opaque'], text);
  }
  if (missing === 'allow' && cookieWithoutOrigin === 'off') {
    const text = `with a cookie, requests without Origin act for the user too; write missing: deny, or ${section}.cookieWithoutOrigin: on`;
    problem('cookie_without_origin', ['origins', 'missing'], text);
  }
  const wide = kinds.findIndex((kind) => kind === 'wildcard' || kind === 'scheme');
  if (wide >= 0 && cookieFromWildcards === 'off') {
    const text = `with a cookie, every page that fits the wildcard acts for its visitors; write the origins one by one, or ${section}.cookieFromWildcards: on`;
    problem('cookie_from_wildcard', ['origins', 'allow', wide], text);
  }
}
