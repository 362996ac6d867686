import { pcapngOf } from '../../src/capture/export.ts';
import { readCapture } from '../../src/capture/ndjson.ts';

export const HEADER = {
  v: 1,
  kind: 'natsgate-capture',
  session: '7',
  started: '2026-11-30T12:00:00.000Z',
  payloads: 'masked',
} as const;
export const END = { t: 100, end: { reason: 'client_closed', operations: 2, lost: 0 } };

/** Lines of a capture file. */
export const fileOf = (...records: readonly object[]): Buffer =>
  Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));

/** In pieces of `bytes`. */
export async function* pieces(file: Buffer, bytes = file.length): AsyncGenerator<Buffer> {
  for (let at = 0; at < file.length; at += bytes) yield file.subarray(at, at + bytes);
}

export async function pcapng(file: Buffer, segmentBytes?: number): Promise<Buffer> {
  const small = segmentBytes === undefined ? {} : { segmentBytes };
  const blocks = pcapngOf(readCapture(pieces(file)), { application: 'natsgate 1.2.3', ...small });
  return Buffer.concat(await Array.fromAsync(blocks));
}

/** Every operation in every direction that it has, and each way that natsgate can act. */
export const EVERYTHING = (header: object = {}, payloadBytes = 70_000): Buffer =>
  fileOf(
    { ...HEADER, server: { name: 'n1', version: '2.12.0', cid: 5 }, ...header },
    { t: 0, d: 's>', op: 'INFO', text: '{"server_id":"x"}', v: 'replaced' },
    { t: 0, d: '>c', op: 'INFO', text: '{"server_id":"y"}' },
    { t: 10, d: 'c>', op: 'CONNECT', text: '{"verbose":false}', v: 'replaced' },
    { t: 10, d: '>s', op: 'CONNECT', text: '{"verbose":false,"user":"***"}', note: 'login of connect' },
    { t: 11, d: 'c>', op: 'PING' },
    { t: 12, d: 's>', op: 'PONG' },
    { t: 12, d: 's>', op: '+OK' },
    { t: 13, d: 'c>', op: 'SUB', subj: 'a.b', sid: '1', queue: 'q' },
    { t: 13, d: 'c>', op: 'SUB', subj: 'a.>', sid: '2' },
    { t: 13, d: 'c>', op: 'UNSUB', sid: '1', max: 3 },
    { t: 14, d: 'c>', op: 'PUB', subj: 'a.b', reply: '_INBOX.x', n: 5 },
    { t: 15, d: 'c>', op: 'HPUB', subj: 'a.b', n: payloadBytes, hb: 60, hn: ['Nats-Msg-Id', 'X'] },
    { t: 16, d: 's>', op: 'MSG', subj: 'a.b', sid: '1', n: 0 },
    { t: 17, d: 's>', op: 'HMSG', subj: 'a.b', sid: '1', reply: 'r', n: 16, hb: 16, st: '503' },
    { t: 18, d: 'c>', op: 'PUB', subj: 'bad', n: 3, v: 'dropped', note: 'policy' },
    { t: 18, d: '>c', op: '-ERR', text: "'Permissions Violation'" },
    { t: 19, d: 'g', note: 'client paused' },
    { t: 20, d: 's>', op: 'PING' },
    { t: 21, d: 'c>', op: 'PONG' },
    END,
  );
