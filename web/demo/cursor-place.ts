/** A place on the stage, from 0 (left, top) to 1 (right, bottom). */
export type Place = { readonly x: number; readonly y: number };

/** One open tab, by nats-server's number for its connection. */
export type Cursor = { readonly id: number; readonly place: Place };

export const CURSORS = 'cursors.*';
export const cursorSubject = (id: number): string => `cursors.${id}`;

/** What a message on `cursors.*` says; undefined when no page of ours wrote it: everybody may publish there. */
export function readCursor(subject: string, payload: string): Cursor | undefined {
  const [, digits] = /^cursors\.(\d{1,15})$/.exec(subject) ?? [];
  const [, x, y] = /^(0\.\d{3}|1\.000) (0\.\d{3}|1\.000)$/.exec(payload) ?? [];
  if (digits === undefined || x === undefined || y === undefined) return undefined;
  return { id: Number(digits), place: { x: Number(x), y: Number(y) } };
}

export const placeText = ({ x, y }: Place): string => `${x.toFixed(3)} ${y.toFixed(3)}`;

/** Where a tab is that nobody moves: on a figure of its own, so that several do not cover one another. */
export function drifting(id: number, seconds: number): Place {
  return {
    x: 0.5 + 0.42 * Math.sin(seconds * 0.6 + id * 2.4),
    y: 0.5 + 0.34 * Math.sin(seconds * 1.1 + id * 1.7),
  };
}
