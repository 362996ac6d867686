import { isUtf8 } from 'node:buffer';
import type { ClientEnd } from '../../src/websocket/byte-socket.ts';

/** What an engine makes of a client's stream. */
export type Reading = {
  readonly bytes: Buffer;
  /** `ping <hex>` for each that is to be answered, and `pong`, in order. */
  readonly control: readonly string[];
  readonly end: ClientEnd | undefined;
  /** Frames mode: what became of the framing behind the end. */
  readonly rest: 'open' | 'closed' | 'broken';
};

/**
 * `frames`, as cut-through reads: payload is passed on as it comes, the cap holds for a frame, text is refused at its
 * header and frames are read on for the client's close. `messages`, as buffered reads: a message is passed on when it
 * is complete, the cap holds for a message, text is refused when complete, and nothing is read behind the end.
 * Everything else is the same for both.
 */
export type Mode = 'frames' | 'messages';

/**
 * RFC 6455 §5 as plainly as it can be written: the whole stream at once, one frame after another, no state but that
 * of the open message. It shares no code with what it judges.
 */
export function read(stream: Buffer, cap: number, mode: Mode): Reading {
  const bytes: Buffer[] = [];
  const control: string[] = [];
  let end: ClientEnd | undefined;
  let rest: Reading['rest'] = 'open';
  let message: { readonly text: boolean; readonly parts: Buffer[]; size: number } | undefined;
  const ends = (reason: ClientEnd['reason'], code: number): void => {
    end ??= { reason, code };
  };
  const breaks = (code = 1002): void => {
    ends('frame_violation', code);
    rest = 'broken';
  };

  let at = 0;
  while (rest === 'open' && (end === undefined || mode === 'frames')) {
    if (stream.length < at + 2) break;
    const fin = stream[at]! >> 7 === 1;
    const reserved = (stream[at]! >> 4) & 7;
    const opcode = stream[at]! & 15;
    const masked = stream[at + 1]! >> 7 === 1;
    const short = stream[at + 1]! & 127;
    at += 2;

    const isControl = opcode >= 8;
    const known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
    const inOrder = isControl || (opcode === 0) === (message !== undefined);
    const fits = !isControl || (fin && short <= 125 && !(opcode === 8 && short === 1));
    if (reserved !== 0 || !masked || !known || !inOrder || !fits) {
      breaks();
      break;
    }
    if (opcode === 1 || opcode === 2) message = { text: opcode === 1, parts: [], size: 0 };
    if (opcode === 1 && mode === 'frames') ends('not_binary', 1003);

    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (stream.length < at + lengthBytes) break;
    const length =
      lengthBytes === 0
        ? BigInt(short)
        : BigInt(`0x${stream.subarray(at, at + lengthBytes).toString('hex')}`);
    at += lengthBytes;
    if (!isControl) {
      const before = mode === 'messages' ? message!.size : 0;
      if (length > 0n && BigInt(before) + length > BigInt(cap)) ends('message_too_big', 1009);
      if (length >= 2n ** 53n) rest = 'broken';
      if (rest === 'broken' || (end !== undefined && mode === 'messages')) break;
    }

    if (stream.length < at + 4) break;
    const mask = stream.subarray(at, at + 4);
    at += 4;
    const size = Number(length);
    const payload = Buffer.from(stream.subarray(at, at + size));
    for (let index = 0; index < payload.length; index++) payload[index]! ^= mask[index % 4]!;
    at += size;
    const complete = payload.length === size;

    if (!isControl) {
      message!.size += size;
      message!.parts.push(payload);
      if (mode === 'frames' && end === undefined) bytes.push(payload);
      if (!complete) break;
      if (!fin) continue;
      if (mode === 'messages') {
        const whole = Buffer.concat(message!.parts);
        if (!message!.text) bytes.push(whole);
        else if (isUtf8(whole)) ends('not_binary', 1003);
        else breaks(1007);
      }
      message = undefined;
    } else if (!complete) {
      break;
    } else if (opcode === 9) {
      if (end === undefined) control.push(`ping ${payload.toString('hex')}`);
    } else if (opcode === 10) {
      control.push('pong');
    } else {
      rest = 'closed';
      const code = size === 0 ? 1005 : payload.readUInt16BE();
      const allowed = [1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
      if (size > 0 && code < 3000 && (!allowed.includes(code) || code === 1005)) breaks();
      else if (code > 4999) breaks();
      else if (!isUtf8(payload.subarray(2))) breaks(1007);
      else ends('client_closed', code);
    }
  }
  return { bytes: Buffer.concat(bytes), control, end, rest };
}
