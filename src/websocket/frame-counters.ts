/** Data and control opcodes, RFC 6455 §5.2, in the order of `FrameCounters.clientFrames`. */
export const OPCODES = ['continuation', 'text', 'binary', 'close', 'ping', 'pong', 'other'] as const;

const INDEX_OF = [0, 1, 2, 6, 6, 6, 6, 6, 3, 4, 5, 6, 6, 6, 6, 6] as const;

/** Where an opcode (0 to 15) is counted. */
export const opcodeIndex = (opcode: number): number => INDEX_OF[opcode] ?? 6;

/**
 * What went over all client sockets of a process: frames, and bytes with framing included (TLS excluded). Plain
 * numbers, only added to, read at scrape time.
 */
export class FrameCounters {
  /** By OPCODES. */
  readonly clientFrames = new Float64Array(OPCODES.length);
  clientWireBytes = 0;
  sentBinaryFrames = 0;
  sentPings = 0;
  sentWireBytes = 0;
}
