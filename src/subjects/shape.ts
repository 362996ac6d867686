/** More are one `>`. */
const MOST_TOKENS = 16;
const INBOX = /^_INBOX(\.|$)/;
const DIGITS = /^\d+$/;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const HEX = /^[\da-f]{8,}$/i;
/** NUIDs of client libraries, ULIDs and their like. */
const LONG_ID = /^(?=[a-z]*\d)(?=\d*[a-z])[\da-z]{20,}$/i;

/** A subject with `*` for each token that looks like an id, so that the subjects of all orders are one. */
export function shapeOf(subject: string): string {
  if (INBOX.test(subject)) return '_INBOX.>';
  const tokens = subject.split('.', MOST_TOKENS + 1).map((token) => (isId(token) ? '*' : token));
  return tokens.length > MOST_TOKENS ? [...tokens.slice(0, MOST_TOKENS), '>'].join('.') : tokens.join('.');
}

const isId = (token: string): boolean =>
  DIGITS.test(token) || HEX.test(token) || UUID.test(token) || LONG_ID.test(token);
