import { type ConnectReading, type RedactedConnect, redacted } from '../nats/connect.ts';
import type { ServerInfo } from '../nats/info.ts';
import { keptText } from '../nats/kept-text.ts';
import type { Operation } from '../nats/operation.ts';
import { type Direction, VERB } from '../nats/operations.ts';
import type { ParseError } from '../nats/protocol.ts';
import { isNonce } from '../nats/proxy-signature.ts';
import { connectionTypeHint } from '../nats/user-jwt.ts';
import type { LoginHint } from './inspection.ts';
import { closeCodeOf, type ServerErrorKind, serverErrorKind } from './server-errors.ts';
import { Subscriptions } from './subscriptions.ts';

/** Called when it happens. Counts of operations are read from the parsers instead. */
export type InspectionObserver = {
  onParserStop(direction: Direction, error: ParseError): void;
  onServerError(kind: ServerErrorKind): void;
  /** The server has refused a login that is not of the client: the configuration is wrong, and this is to be changed. */
  onOwnLoginRefused(hint: string): void;
  onLameDuck(): void;
  /** NATS PING of the client to the server's PONG. */
  onRoundTrip(seconds: number): void;
};

export type LoginRules = {
  /** Where the login in CONNECT is not the client's own. */
  readonly loginHint?: LoginHint;
  readonly keepsLogin: boolean;
};

export type KnownServer = { readonly name?: string; readonly version?: string; readonly clientId?: number };
/** Times in milliseconds since the epoch; `firstMs`: of the first one of the session. */
export type ServerError = {
  readonly kind: ServerErrorKind;
  readonly text: string;
  readonly firstMs: number;
  readonly lastMs: number;
};

const QUOTE = 0x27;
const MAX_ERROR_BYTES = 256;
/** Of the server's name and version. */
const MAX_NAME_CHARACTERS = 128;

/** What is kept of what both sides of one session said: no credential, no payload. */
export class ObservedFacts {
  readonly subscriptions = new Subscriptions();
  server: KnownServer = {};
  /** The most recent one, with its line end. */
  infoLine: Buffer | undefined;
  /** From the most recent INFO that had one; later ones have none. */
  nonce: string | undefined;
  /** CONNECT without credentials and unknown fields. */
  connect: RedactedConnect | undefined;
  lastError: ServerError | undefined;
  /** What to change on the server, if its refusal of the login can be explained. */
  hint: string | undefined;
  readonly #observer: InspectionObserver;
  readonly #writtenLogin: LoginHint | undefined;
  readonly #keepsLogin: boolean;
  isLameDuck = false;
  /** Becomes the hint when the server refuses the login. */
  #loginHint: string | undefined;
  /** When the client sent its PING that has no answer yet; 0: none. */
  #pingSentAtMs = 0;

  constructor(observer: InspectionObserver, { loginHint, keepsLogin }: LoginRules) {
    this.#observer = observer;
    this.#writtenLogin = loginHint;
    this.#keepsLogin = keepsLogin;
  }

  /** The close code that the server's last -ERR asks for. */
  get closeCode(): number | undefined {
    return this.lastError === undefined ? undefined : closeCodeOf(this.lastError.kind);
  }

  sawPing(): void {
    if (this.#pingSentAtMs === 0) this.#pingSentAtMs = performance.now();
  }

  sawPong(): void {
    if (this.#pingSentAtMs === 0) return;
    this.#observer.onRoundTrip((performance.now() - this.#pingSentAtMs) / 1000);
    this.#pingSentAtMs = 0;
  }

  sawConnect(reading: ConnectReading): void {
    if (reading.kind !== 'connect') return;
    this.connect = redacted(reading, this.#keepsLogin);
    const jwt = reading.fields.get('jwt');
    this.#loginHint = typeof jwt === 'string' ? connectionTypeHint(jwt) : undefined;
  }

  /** `line` is kept. */
  sawInfo(line: Buffer, info: ServerInfo): void {
    if (info.ldm && !this.isLameDuck) this.#observer.onLameDuck();
    this.isLameDuck = info.ldm;
    this.server = knownOf(info);
    this.infoLine = line;
    if (isNonce(info.nonce)) this.nonce = info.nonce;
  }

  sawError(operation: Operation): void {
    const text = errorText(operation);
    const lastMs = Date.now();
    this.lastError = {
      kind: serverErrorKind(text),
      text,
      firstMs: this.lastError?.firstMs ?? lastMs,
      lastMs,
    };
    if (this.lastError.kind === 'authorization') this.#loginRefused();
    this.#observer.onServerError(this.lastError.kind);
  }

  #loginRefused(): void {
    const written = this.#writtenLogin;
    this.hint = written?.text ?? this.#loginHint;
    if (written?.isOfClient === false) this.#observer.onOwnLoginRefused(written.text);
  }

  /** An operation of the client that passes. */
  sawPassing(operation: Operation): void {
    if (operation.verb === VERB.SUB || operation.verb === VERB.UNSUB) this.subscriptions.seen(operation);
  }
}

/** Only what is shown: `infoLine` has the whole INFO, which can be 64 KiB. */
const knownOf = ({ serverName, version, clientId }: ServerInfo): KnownServer => ({
  ...(serverName === undefined ? {} : { name: keptText(serverName, MAX_NAME_CHARACTERS) }),
  ...(version === undefined ? {} : { version: keptText(version, MAX_NAME_CHARACTERS) }),
  ...(clientId === undefined ? {} : { clientId }),
});

/** Without its quotes. */
function errorText({ bytes, text: { start, end } }: Operation): string {
  const isQuoted = end - start >= 2 && bytes[start] === QUOTE && bytes[end - 1] === QUOTE;
  const from = isQuoted ? start + 1 : start;
  const to = isQuoted ? end - 1 : end;
  return bytes.toString('utf8', from, Math.min(to, from + MAX_ERROR_BYTES));
}
