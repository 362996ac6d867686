/** Of a token that a subject is made of. */
const MAX_TOKEN_BYTES = 128;
/**
 * Dots divide subjects, `*` and `>` match other tokens, blanks end a subject, and nats-server replaces what is in
 * braces.
 */
const SPECIAL = /[.*>{}\s\p{C}\p{Z}]/u;
/** First tokens that are not the client's: of nats-server itself ($SYS, $JS, _R_, _GR_), and of replies to all clients. */
const RESERVED = /^(\$|_INBOX|_G?R_$)/;

/**
 * Whether the text is one token of a subject and nothing else. nats-server puts tags and names into the permissions of
 * a role as they are: any other text could widen them, and in `{{tag(tenant)}}.>` so could `_INBOX`.
 */
export const isLiteralToken = (text: string): boolean =>
  text !== '' && !SPECIAL.test(text) && !RESERVED.test(text) && Buffer.byteLength(text) <= MAX_TOKEN_BYTES;
