/** As many sessions as a default gateway lets in: what one process carries with ease. */
const DEFAULT_SESSIONS = 10_000;
/** Descriptors kept back for listeners, logs, files and handshakes that are refused. */
const RESERVED_DESCRIPTORS = 64;

/**
 * How many sessions may be open at once. Each needs two descriptors, and running out of them must never happen:
 * Node then drops connections without a word, and name look-ups fail as if the name did not exist.
 *
 * @throws RangeError when `configured` is more than the descriptors carry, with what to change.
 */
export function sessionCap(configured: number | undefined, fileDescriptorLimit: number | undefined): number {
  const possible =
    fileDescriptorLimit === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(1, Math.floor((fileDescriptorLimit - RESERVED_DESCRIPTORS) / 2));
  if (configured === undefined) return Math.min(DEFAULT_SESSIONS, possible);
  if (configured <= possible) return configured;
  throw new RangeError(
    `limits.sessions: ${configured} sessions need ${2 * configured + RESERVED_DESCRIPTORS} file descriptors, and this process may open ${fileDescriptorLimit}; raise the limit (ulimit -n) or write at most ${possible}`,
  );
}

/**
 * Whether descriptors cost so many of the default sessions that somebody should know: a fifth. The usual limits of
 * 20,000 and 20,480 cost a few, which the ready line tells.
 */
export const isCapLow = (configured: number | undefined, cap: number): boolean =>
  configured === undefined && cap < 0.8 * DEFAULT_SESSIONS;
