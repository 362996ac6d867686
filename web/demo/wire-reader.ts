import { byteSize } from '../shared/byte-size.ts';

/** What a frame has of one NATS operation. */
export type WirePiece = {
  /** The control line, cut; `…` where the frame goes on with the payload of an earlier one. */
  readonly line: string;
  /** The payload, cut, or its size; empty where there is none. */
  readonly payload: string;
  /** Where a message goes; undefined in what is no message. */
  readonly subject: string | undefined;
};

const MAX_LINE = 4096;
const MAX_SHOWN_LINE = 300;
const MAX_SHOWN_PAYLOAD = 80;
const MAX_SHOWN_BINARY = 24;
const CRLF = 2;
const LF = 10;

/**
 * One direction of a NATS connection, read as frames bring it: a frame's border may be anywhere in the stream. Keeps the
 * beginning of one line at most, and no payload.
 */
export class WireReader {
  #held = '';
  /** Of the payload that the last frame ended in, with its CRLF. */
  #payloadLeft = 0;
  #subject: string | undefined;

  frame(bytes: Uint8Array): readonly WirePiece[] {
    const pieces: WirePiece[] = [];
    let at = Math.min(this.#payloadLeft, bytes.length);
    if (at > 0) {
      this.#payloadLeft -= at;
      pieces.push({ line: '…', payload: `${byteSize(at)} more of the payload`, subject: this.#subject });
    }
    while (at < bytes.length) {
      const end = bytes.indexOf(LF, at);
      const piece = new TextDecoder().decode(bytes.subarray(at, end < 0 ? undefined : end + 1));
      const line = (this.#held + piece).slice(0, MAX_LINE);
      this.#held = end < 0 ? line : '';
      if (end < 0) {
        pieces.push({ line: `${cut(line)} …`, payload: '', subject: undefined });
        break;
      }
      at = end + 1;
      const { size, subject } = messageOf(line);
      this.#subject = subject;
      const there = bytes.subarray(at, at + Math.max(0, size - CRLF));
      const taken = Math.min(size, bytes.length - at);
      this.#payloadLeft = size - taken;
      at += taken;
      pieces.push({ line: cut(line.trimEnd()), payload: size === 0 ? '' : readable(there), subject });
    }
    return pieces;
  }
}

/** What follows a control line: bytes with their CRLF, 0 where none do. */
function messageOf(line: string): { readonly size: number; readonly subject: string | undefined } {
  const [verb = '', subject, ...rest] = line.trimEnd().split(/[ \t]+/);
  const size = Number(rest.at(-1));
  if (!/^(H?PUB|H?MSG)$/i.test(verb) || !Number.isSafeInteger(size) || size < 0)
    return { size: 0, subject: undefined };
  return { size: size + CRLF, subject };
}

const cut = (line: string): string =>
  line.length > MAX_SHOWN_LINE ? `${line.slice(0, MAX_SHOWN_LINE)} …` : line;

/** Text as it is, anything else in hex; both cut. */
function readable(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'empty';
  const shown = bytes.subarray(0, MAX_SHOWN_PAYLOAD);
  const dots = bytes.length > shown.length ? ' …' : '';
  try {
    // A character that was cut in its middle is no error.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(shown, { stream: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what is no text has them
    if (!/[\0-\x08\x0b\x0c\x0e-\x1f]/.test(text)) return text + dots;
  } catch {
    // not UTF-8
  }
  const hex = Array.from(bytes.subarray(0, MAX_SHOWN_BINARY), (byte) => byte.toString(16).padStart(2, '0'));
  return `hex ${hex.join(' ')}${bytes.length > MAX_SHOWN_BINARY ? ' …' : ''}`;
}
