import { rawUpgrade } from './raw-upgrade.ts';

/** What came back; `code` is 1006 where the connection ended without a close frame. */
export type HugeFrameEnd = {
  readonly bytes: number;
  readonly code: number;
  readonly reason: string;
  readonly clientId: number | undefined;
};

/** More than the default of `limits.frameBytes`. */
const BYTES = 9 * 1024 * 1024;
const MAX_ANSWER_BYTES = 64 * 1024;
const TIMEOUT_MS = 5_000;
const CLOSE = 0x8;

/** Begins a frame that is too large. Browsers cut messages into small frames, so no page can. */
export async function sendHugeFrame(url: string, origin: string): Promise<HugeFrameEnd> {
  const { socket, head, status } = { head: Buffer.alloc(0), ...(await rawUpgrade(url, origin)) };
  if (socket === undefined) throw new Error(`the gateway answered ${status}`);
  const start = Buffer.alloc(14);
  start.set([0x82, 0x80 | 127]);
  start.writeBigUInt64BE(BigInt(BYTES), 2);
  let received = head;
  try {
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
    socket.write(start);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      if (closeOf(received) !== undefined || received.length > MAX_ANSWER_BYTES) break;
    }
  } catch {
    // reset: what came before it counts
  } finally {
    socket.destroy();
  }
  const [, id] = /"client_id":(\d+)/.exec(received.toString('latin1')) ?? [];
  const { code, reason } = closeOf(received) ?? { code: 1006, reason: '' };
  return { bytes: BYTES, code, reason, clientId: id === undefined ? undefined : Number(id) };
}

/** The close frame among those that a server has sent, which are short and have no mask. */
function closeOf(frames: Buffer): { readonly code: number; readonly reason: string } | undefined {
  for (let at = 0; at + 4 <= frames.length; ) {
    const isLong = (frames[at + 1] ?? 0) === 126;
    const payload = at + (isLong ? 4 : 2);
    const end = payload + (isLong ? frames.readUInt16BE(at + 2) : (frames[at + 1] ?? 0));
    if (((frames[at] ?? 0) & 0x0f) === CLOSE && end <= frames.length && end >= payload + 2)
      return { code: frames.readUInt16BE(payload), reason: frames.toString('utf8', payload + 2, end) };
    at = end;
  }
  return undefined;
}
