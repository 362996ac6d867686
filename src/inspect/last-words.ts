/**
 * What a NATS client is told in front of the close frame, by close reason: nats.js shows its application `-ERR` lines,
 * never close codes. The texts are nats-server's own where it has one for the case. None says "authentication": two of
 * those in a row make nats.js give up for good, and none of these ends is about a login.
 */
const LAST_WORDS: Readonly<Record<string, string>> = {
  client_unresponsive: 'Stale Connection',
  not_binary: 'Unknown Protocol Operation',
  frame_violation: 'Unknown Protocol Operation',
  nats_violation: 'Unknown Protocol Operation',
  message_too_big: 'Maximum Payload Violation',
  assembly_timeout: 'Stale Connection',
  rate_exceeded: 'Connection throttling is active. Please try again later.',
  session_expired: 'Session Expired',
};

/** undefined: the end needs no words (the client's own, the server's, a drain, a network that broke). */
export const lastWordsOf = (reason: string): string | undefined =>
  Object.hasOwn(LAST_WORDS, reason) ? LAST_WORDS[reason] : undefined;

/** `text` must be ours: nothing in it may end the quotes or the line. */
export const errorLine = (text: string): Buffer => Buffer.from(`-ERR '${text}'\r\n`);
