import type { ServerInfo } from './info.ts';

/** Servers from here on know `proxies.trusted` and read `proxy_sig`. */
const LEAST_API_LEVEL = 2;
const LEAST_VERSION = [2, 12] as const;

/**
 * A server's nonce is 15 characters of base64url. Nothing else is signed: a text of the server's choice could be a
 * token (`header.claims`), and the signature would make it valid.
 */
const NONCE = /^[\w-]{8,64}$/;

export const isNonce = (text: string | undefined): text is string => text !== undefined && NONCE.test(text);

/** Why a server with this INFO cannot take a `proxy_sig`, and what to do; undefined: it can. */
export function unsignable(info: ServerInfo): string | undefined {
  if (!knowsProxies(info))
    return 'is too old for proxy_sig, which came with nats-server 2.12; upgrade it, or take upstream.proxySeedFile away';
  if (info.nonce === undefined)
    return 'its INFO has no nonce, so it trusts no proxy; list the public key under proxies.trusted in its configuration';
  return isNonce(info.nonce) ? undefined : 'the nonce in its INFO is not that of a nats-server';
}

function knowsProxies({ apiLevel, version }: ServerInfo): boolean {
  if (apiLevel !== undefined && apiLevel >= LEAST_API_LEVEL) return true;
  const [, major, minor] = /^(\d{1,6})\.(\d{1,6})\./.exec(version ?? '') ?? [];
  if (major === undefined || minor === undefined) return false;
  const [leastMajor, leastMinor] = LEAST_VERSION;
  return Number(major) > leastMajor || (Number(major) === leastMajor && Number(minor) >= leastMinor);
}
