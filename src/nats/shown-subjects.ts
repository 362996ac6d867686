import { hash, randomBytes } from 'node:crypto';
import { withShortInboxes } from './inbox.ts';

/** So many tokens of a subject are shown as they are. */
const CLEAR_TOKENS = 2;
/** The tokens after these are hashed as one. */
const MOST_TOKENS = 16;
const HASH_DIGITS = 6;
const MOST_REMEMBERED = 8192;
const MAX_REMEMBERED_CHARACTERS = 64;
/** Clients choose how many tokens there are, and each costs a microsecond. */
const MOST_HASHES = 2000;
const WINDOW_MS = 100;
const UNHASHED = '*'.repeat(HASH_DIGITS);
const WILDCARDS: ReadonlySet<string> = new Set(['', '*', '>']);
/** In requests to JetStream; what they are about follows. */
const JETSTREAM = '$JS';
const JETSTREAM_WORDS: ReadonlySet<string> = new Set(
  'API ACK FC INFO STREAM CONSUMER DURABLE CREATE UPDATE DELETE PURGE NAMES LIST MSG GET NEXT DIRECT'.split(
    ' ',
  ),
);
/** Subjects and queues in a sentence of nats-server, which escapes as Go does. It may be cut, also in an escape. */
export const QUOTED = /"((?:[^"\\]|\\.)*)("|\\?$)/gs;

/** How subjects are shown to operators. Names of inboxes are always short. */
export class ShownSubjects {
  /** Who knows a token cannot find out its hash in another process. */
  readonly #key = randomBytes(32).toString('hex');
  readonly #known = new Map<string, string>();
  readonly #nowMs: () => number;
  #windowMs = Number.NEGATIVE_INFINITY;
  #hashes = 0;
  /** Tokens after the second are hashes: those of equal tokens are equal. */
  isHashed: boolean;

  constructor(isHashed: boolean, nowMs = () => performance.now()) {
    this.isHashed = isHashed;
    this.#nowMs = nowMs;
  }

  subject(text: string): string {
    return withShortInboxes(this.hashed(text));
  }

  /** Inboxes are not cut short. */
  hashed(text: string): string {
    if (!this.isHashed) return text;
    const tokens = text.split('.');
    if (tokens.length <= CLEAR_TOKENS) return text;
    const rest = tokens.slice(MOST_TOKENS);
    const each = rest.length === 0 ? tokens : [...tokens.slice(0, MOST_TOKENS), rest.join('.')];
    const isClear = (token: string): boolean =>
      WILDCARDS.has(token) || (tokens[0] === JETSTREAM && JETSTREAM_WORDS.has(token));
    return each
      .map((token, index) => (index < CLEAR_TOKENS || isClear(token) ? token : this.#hashOf(token)))
      .join('.');
  }

  /** Text with subjects in double quotes, as in an -ERR. */
  sentence(text: string): string {
    if (!this.isHashed) return withShortInboxes(text);
    return withShortInboxes(
      text.replaceAll(QUOTED, (_, quoted: string, end: string) => `"${this.hashed(quoted)}${end}`),
    );
  }

  #hashOf(token: string): string {
    const known = this.#known.get(token);
    if (known !== undefined) return known;
    const nowMs = this.#nowMs();
    if (nowMs - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = nowMs;
      this.#hashes = 0;
    }
    if (++this.#hashes > MOST_HASHES) return UNHASHED;
    const hashed = hash('sha256', this.#key + token).slice(0, HASH_DIGITS);
    if (token.length > MAX_REMEMBERED_CHARACTERS) return hashed;
    if (this.#known.size >= MOST_REMEMBERED) this.#known.clear();
    this.#known.set(token, hashed);
    return hashed;
  }
}

/** As they are. */
export const FULL_SUBJECTS = new ShownSubjects(false);
