import assert from 'node:assert/strict';
import type { ClientEnd } from '../../src/websocket/byte-socket.ts';
import { OPCODES } from '../../src/websocket/frame-counters.ts';
import { FrameMeter } from '../../src/websocket/frame-meter.ts';
import { RecordedReader } from '../support/read-frames.ts';
import { type WsReceiver, wsReceiver } from '../support/ws-receiver.ts';
import { compare, compareEngines } from './compare.ts';
import { type Reading, read } from './reference.ts';
import type { Sequence } from './streams.ts';

/**
 * What reads frames in either engine, without sockets and turns of the event loop: our frame reader, the receiver of
 * ws, and the meter beside it. Fast enough for millions of sequences.
 */
export function checkBlocks({ cap, stream, pieces }: Sequence): Reading {
  const cutThrough = new RecordedReader(cap);
  const buffered = new RecordedReceiver(cap);
  const meter = new FrameMeter(new Float64Array(OPCODES.length));
  for (const piece of pieces) {
    cutThrough.feed(piece);
    meter.feed(piece, 0);
    buffered.feed(piece);
  }
  const frames = read(stream, cap, 'frames');
  const messages = read(stream, cap, 'messages');
  const { bytes, control, reader } = cutThrough;
  const seen = { bytes, control, end: reader.end };
  compare('cut-through', seen, frames);
  compare('buffered', buffered, messages);
  const rest = reader.broken ? 'broken' : reader.closed ? 'closed' : 'open';
  if (rest !== frames.rest) assert.fail(`behind the end cut-through is ${rest}, not ${frames.rest}`);
  compareEngines(seen, buffered);
  // Behind an end the meter of the buffered engine counts what is no frame.
  if (reader.end === undefined && meter.frames.some((count, index) => count !== cutThrough.frames[index]))
    assert.deepEqual(meter.frames, cutThrough.frames, 'frames counted');
  return frames;
}

/** ws's receiver, as the buffered engine sets it up; read synchronously, for the sake of speed. */
class RecordedReceiver {
  readonly control: string[] = [];
  end: ClientEnd | undefined;
  readonly #receiver: WsReceiver;
  readonly #messages: Buffer[] = [];

  constructor(maxPayload: number) {
    this.#receiver = wsReceiver({ isServer: true, maxPayload });
    // It would tell the rest of its stream machinery, a tick later.
    this.#receiver.end = () => {};
    this.#receiver.on('message', (data: Buffer, isBinary: boolean) => {
      if (this.end !== undefined) return;
      if (isBinary) this.#messages.push(data);
      else this.end = { reason: 'not_binary', code: 1003 };
    });
    this.#receiver.on('ping', (data: Buffer) => this.#tell(`ping ${data.toString('hex')}`));
    this.#receiver.on('pong', () => this.#tell('pong'));
    this.#receiver.on('conclude', (code: number) => {
      this.end ??= { reason: 'client_closed', code };
    });
  }

  feed(piece: Buffer): void {
    if (this.end !== undefined) return;
    // A copy, since payload is unmasked in place.
    this.#receiver._write(Buffer.from(piece), '', (error) => {
      if (error) this.end ??= endOf(error.code);
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#messages);
  }

  #tell(control: string): void {
    if (this.end === undefined) this.control.push(control);
  }
}

function endOf(code: string): ClientEnd {
  if (/_LENGTH$/.test(code) && !code.includes('CONTROL')) return { reason: 'message_too_big', code: 1009 };
  return { reason: 'frame_violation', code: code === 'WS_ERR_INVALID_UTF8' ? 1007 : 1002 };
}
