import { deleteCookie, setCookie } from 'hono/cookie';
import type { CookieOptions, CookiePrefixOptions } from 'hono/utils/cookie';
import type { Exchange } from './exchange.ts';

export type LoginCookie = {
  /** Cookies do not know ports, so it should name the program; the port that the browser has asked is added. */
  readonly name: string;
  /** By TLS alone. */
  readonly isSecure: boolean;
};

/** All of this name, as the browser has sent them: another page of the host can set one for a longer path, which comes first. */
export function readCookies(exchange: Exchange, cookie: LoginCookie): string[] {
  const start = `${prefixOf(cookie) === 'host' ? '__Host-' : ''}${nameOf(exchange, cookie)}=`;
  return (exchange.req.header('cookie') ?? '')
    .split(';')
    .map((pair) => pair.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((pair) => pair.startsWith(start))
    .map((pair) => pair.slice(start.length));
}

/** Sent back with requests of pages of this server alone, and hidden from scripts. */
export const writeCookie = (exchange: Exchange, cookie: LoginCookie, value: string, seconds: number): void =>
  setCookie(exchange, nameOf(exchange, cookie), value, { ...optionsOf(cookie), maxAge: seconds });

export const dropCookie = (exchange: Exchange, cookie: LoginCookie): void =>
  void deleteCookie(exchange, nameOf(exchange, cookie), optionsOf(cookie));

const nameOf = (exchange: Exchange, { name }: LoginCookie): string => {
  const [, port] = /:(\d+)$/.exec(exchange.env.host ?? '') ?? [];
  return port === undefined ? name : `${name}-${port}`;
};

/** A page of another name of the same domain could set it otherwise. */
const prefixOf = ({ isSecure }: LoginCookie): CookiePrefixOptions | undefined =>
  isSecure ? 'host' : undefined;

const optionsOf = (cookie: LoginCookie): CookieOptions => {
  const prefix = prefixOf(cookie);
  return {
    path: '/',
    httpOnly: true,
    sameSite: 'Strict',
    secure: cookie.isSecure,
    ...(prefix === undefined ? {} : { prefix }),
  };
};
