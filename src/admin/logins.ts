import { createHash, randomBytes } from 'node:crypto';

const LOGIN_MS = 8 * 3600 * 1000;
/** One more ends the oldest: each has cost the right token, so nobody fills this from outside. */
const MAX_LOGINS = 64;
const WRONG_TOKENS = 5;
const WRONG_TOKENS_MS = 60_000;

export const LOGIN_SECONDS = LOGIN_MS / 1000;

/**
 * Who has logged in to this process by the admin token. What a browser gets is random and kept as a digest, so neither
 * a restart nor a look into memory leaves anything that works.
 */
export class Logins {
  /** When each ends, by the digest of its secret; oldest first. */
  readonly #endsAtMs = new Map<string, number>();
  /** Of the wrong tokens of the last minute. */
  #wrongAtMs: number[] = [];
  readonly #nowMs: () => number;

  /** `nowMs`: of a clock that nobody sets. */
  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** The secret of a new login, which ends LOGIN_SECONDS from now. */
  begin(): string {
    const [oldest] = this.#endsAtMs.keys();
    if (oldest !== undefined && this.#endsAtMs.size >= MAX_LOGINS) this.#endsAtMs.delete(oldest);
    const secret = randomBytes(32).toString('base64url');
    this.#endsAtMs.set(digestOf(secret), this.#nowMs() + LOGIN_MS);
    return secret;
  }

  has(secret: string): boolean {
    const digest = digestOf(secret);
    const endsAtMs = this.#endsAtMs.get(digest);
    if (endsAtMs === undefined) return false;
    if (this.#nowMs() < endsAtMs) return true;
    this.#endsAtMs.delete(digest);
    return false;
  }

  /** False: there was no such login. */
  end(secret: string): boolean {
    return this.#endsAtMs.delete(digestOf(secret));
  }

  endAll(): void {
    this.#endsAtMs.clear();
  }

  /** A wrong token was tried. */
  countWrong(): void {
    this.#wrongAtMs = [...this.#wrongAtMs, this.#nowMs()].slice(-WRONG_TOKENS);
  }

  /** How long no token is tried any more: guesses of all clients together have five a minute. */
  get waitMs(): number {
    const [first] = this.#wrongAtMs;
    if (first === undefined || this.#wrongAtMs.length < WRONG_TOKENS) return 0;
    return Math.max(0, first + WRONG_TOKENS_MS - this.#nowMs());
  }
}

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');
