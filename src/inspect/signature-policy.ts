import type { Policy } from './inspection.ts';

/** Vouches for the client: CONNECT gets the `proxy_sig` of the server's nonce, signed by `sign`. */
export const signaturePolicy = (sign: (nonce: string) => string): Policy => ({
  needsEveryMessage: false,
  // Without a nonce the dial has refused the server already.
  connect: (_connect, { nonce }) => (nonce === undefined ? {} : { proxy_sig: sign(nonce) }),
});
