import type { Policy } from './inspection.ts';

/**
 * Adds `proxy_sig` to CONNECT: the server's nonce, signed by `sign`. It proves that the client came through the
 * gateway.
 */
export const signaturePolicy = (sign: (nonce: string) => string): Policy => ({
  needsEveryMessage: false,
  // Without a nonce the dial has refused the server already.
  connect: (_connect, { nonce }) => (nonce === undefined ? {} : { proxy_sig: sign(nonce) }),
});
