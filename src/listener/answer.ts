import type { Socket } from 'node:net';
import type { Refusal } from '../handshake-outcome.ts';
import { type Explanation, explanationResponse } from './explanation-answer.ts';
import { refusalResponse } from './http-refusal.ts';

/** A client gets this long to read its answer and close. */
const LINGER_MS = 1000;
/** What a client still sends is read, but not for ever: a flood shall wait in the kernel. */
const MAX_DROPPED_BYTES = 256 * 1024;

/** How long to stay away when we are full or leaving; drawn anew each time, so that clients do not return together. */
const RETRY_AFTER_SECONDS = { least: 1, most: 10 } as const;

const ANSWERED = new WeakSet<Socket>();

/** Writes the constant answer of a refusal, as the last of this connection. */
export function answer(
  socket: Socket,
  outcome: Refusal,
  { head = false, retryAfterSeconds = drawnSeconds() }: AnswerOptions = {},
): void {
  answerWith(socket, refusalResponse(outcome, { head, retryAfterSeconds }));
}

type AnswerOptions = { readonly head?: boolean; readonly retryAfterSeconds?: number | undefined };

/** The same for a page that asked what an upgrade would be answered. */
export function answerExplained(
  socket: Socket,
  explanation: Explanation,
  origin: string | undefined,
  retryAfterSeconds = drawnSeconds(),
): void {
  answerWith(socket, explanationResponse(explanation, origin, retryAfterSeconds));
}

/**
 * Writes `response`, ends the connection, reads and drops what the client still sends (a close with unread input would
 * reset the connection and could take the answer along), and destroys it after a second. The first answer of a
 * connection is its last: nothing reads it any more, a parser least of all.
 */
export function answerWith(socket: Socket, response: Buffer): void {
  if (ANSWERED.has(socket) || socket.destroyed) return;
  ANSWERED.add(socket);
  socket.on('error', () => {});
  socket.end(response);
  socket.removeAllListeners('data');
  let dropped = 0;
  socket.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > MAX_DROPPED_BYTES) socket.pause();
  });
  socket.resume();
  const linger = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(linger));
}

function drawnSeconds(): number {
  const { least, most } = RETRY_AFTER_SECONDS;
  return least + Math.floor(Math.random() * (most - least + 1));
}
