import assert from 'node:assert/strict';
import type { ClientEnd } from '../../src/websocket/byte-socket.ts';
import type { Reading } from './reference.ts';
import type { Sequence } from './streams.ts';

/** What an engine has shown of a sequence. */
export type Seen = Pick<Reading, 'bytes' | 'control' | 'end'>;

/** Cheaper than deepEqual, which runs when there is something to tell. */
export function compare(name: string, seen: Seen, expected: Reading): void {
  const same =
    seen.end?.code === expected.end?.code &&
    seen.end?.reason === expected.end?.reason &&
    seen.bytes.equals(expected.bytes) &&
    seen.control.length === expected.control.length &&
    seen.control.every((one, index) => one === expected.control[index]);
  if (same) return;
  const { bytes, control, end } = seen;
  const { rest: _, ...wanted } = expected;
  assert.deepEqual({ bytes, control, end }, wanted, `the ${name} engine and the reference`);
}

/** Without the reference: equal but for what is documented. */
export function compareEngines(cutThrough: Omit<Seen, 'control'>, buffered: Omit<Seen, 'control'>): void {
  // Of a message that did not come to its end, a part may have gone upstream.
  if (!cutThrough.bytes.subarray(0, buffered.bytes.length).equals(buffered.bytes))
    assert.fail('cut-through left out or changed what buffered passed on');
  // Text is refused earlier; fragments may be over the cap together.
  const [one, other] = [cutThrough.end, buffered.end];
  if (one?.reason === 'not_binary' || other?.reason === 'message_too_big') return;
  if (one?.reason !== other?.reason || one?.code !== other?.code)
    assert.deepEqual(one, other, 'the ends of the two engines');
}

/** The close frame that answers an end, as a client sees it. */
export function answerTo(
  end: ClientEnd | undefined,
): { readonly code: number | undefined; readonly reason: string } | undefined {
  if (end === undefined || end.reason === 'client_gone') return undefined;
  if (end.reason !== 'client_closed') return end;
  return { code: end.code === 1005 ? undefined : end.code, reason: '' };
}

/** Runs `check`, and puts what the list of regressions needs into the message of its failure. */
export function withRegression<T>({ cap, pieces }: Sequence, check: () => T): T {
  const entry = (): string => {
    const hex = pieces.map((piece) => `'${piece.toString('hex')}'`);
    return `{ why: '', cap: ${cap}, pieces: [${hex.join(', ')}] }`;
  };
  const told = (error: unknown): never => {
    throw new Error(`${(error as Error).message}\nto be kept in regressions.ts: ${entry()}`, {
      cause: error,
    });
  };
  try {
    const result = check();
    return result instanceof Promise ? (result.catch(told) as T) : result;
  } catch (error) {
    return told(error);
  }
}
