import { publish } from '../load/frames.ts';
import type { Subject } from '../subjects/subject.ts';
import { cpuColumns, measured, type Scale } from './measured.ts';
import type { Bench, Figures, Measurement, Work } from './work.ts';

type Upload = {
  readonly name: string;
  readonly title: string;
  readonly messageBytes: number;
  /** All of the work, in MiB of messages. */
  readonly mebibytes: number;
  readonly perMessage: boolean;
  /** More than one: real NATS behind a CONNECT, which inspection can read. */
  readonly perFrame?: number;
};

/** What a client of natsgate says first. */
export const CONNECT_LINE = 'CONNECT {"verbose":false,"headers":true}\r\n';

/** One client sends PUB operations, one in each frame, as fast as it can. */
function upload({ name, title, messageBytes, mebibytes, perMessage, perFrame = 1 }: Upload): Work {
  return {
    name,
    title,
    columns: perMessage ? cpuColumns('µs/message', 'k messages/s') : cpuColumns('CPU-s/GB', 'MB/s'),
    compare: 'ratio',
    layout: 'throughput',
    takes: (kind) => perFrame > 1 || kind.inspects !== true,
    async measure(bench, measurement) {
      const { subject, scale, warmUp } = measurement;
      const repeats = Math.max(1, Math.round(mebibytes * scale));
      const of = { messageBytes, perFrame, repeats, protocol: subject.protocol, digest: warmUp };
      const expected = await bench.generator.call('describe', of);
      const units = perMessage ? expected.messages * repeats : (expected.payloadBytes * repeats) / 1e9;
      const growth = stampGrowth(messageBytes, measurement.kind.stampBytes);
      // Nanoseconds per message in µs; nanoseconds per GB in seconds.
      const unit: Scale = perMessage ? { ns: 1e3, perSecond: 1e3 } : { ns: 1e9, perSecond: 1e-3 };
      const send = (): Promise<unknown> => bench.generator.call('up', { messageBytes, perFrame, repeats });
      return measurement.kind.isServer === true
        ? toServer(bench, subject, units, unit, send)
        : throughSubject(
            bench,
            measurement,
            units,
            unit,
            send,
            (expected.bytes + expected.messages * growth) * repeats,
            growth === 0 ? expected.sha256 : undefined,
            perFrame > 1,
          );
    },
  };
}

/** By so much a PUB grows that becomes an HPUB with a block of so many bytes. */
function stampGrowth(messageBytes: number, blockBytes = 0): number {
  if (blockBytes === 0) return 0;
  const [, size] = /^PUB \S+ (\d+)/.exec(publish(messageBytes).toString('latin1', 0, 64))!;
  return `H ${blockBytes}`.length + `${blockBytes + Number(size)}`.length - size!.length + blockBytes;
}

async function throughSubject(
  bench: Bench,
  { subject, kind, warmUp }: Measurement,
  units: number,
  unit: Scale,
  send: () => Promise<unknown>,
  expectBytes: number,
  sha256: string | undefined,
  connects: boolean,
): Promise<Figures> {
  await bench.upstream.call('setMode', { kind: 'sink', expectBytes, digest: warmUp, skipLine: connects });
  const target = connects ? { ...targetOf(subject), hello: CONNECT_LINE } : targetOf(subject);
  await bench.generator.call('open', { target, connections: 1 });
  const sink = bench.upstream.call('arrived');
  const figures = await measured(bench, subject, units, unit, async () => {
    await Promise.all([send(), sink]);
  });
  const got = await sink;
  if (got.bytes !== expectBytes)
    throw new Error(`${kind.name}: ${got.bytes} bytes came in place of ${expectBytes}`);
  if (warmUp && sha256 !== undefined && got.sha256 !== sha256)
    throw new Error(`${kind.name}: other bytes came than were sent`);
  return figures;
}

async function toServer(
  bench: Bench,
  subject: Subject,
  units: number,
  unit: Scale,
  send: () => Promise<unknown>,
): Promise<Figures> {
  await bench.generator.call('open', { target: targetOf(subject), connections: 1 });
  return measured(bench, subject, units, unit, async () => {
    await send();
    await bench.generator.call('pingServer');
  });
}

/** What may travel to another process. */
export function targetOf({ protocol, port, tls, path, hello }: Subject) {
  return {
    protocol,
    port,
    tls,
    ...(path === undefined ? {} : { path }),
    ...(hello === undefined ? {} : { hello }),
  };
}

export const uploads: readonly Work[] = [
  upload({
    name: 'small',
    title: 'Small frames up: PUB operations of 128 bytes, one in each frame',
    messageBytes: 128,
    mebibytes: 1024,
    perMessage: true,
  }),
  upload({
    name: 'up-1k',
    title: 'Frames of 1 KiB up',
    messageBytes: 1024,
    mebibytes: 1024,
    perMessage: false,
  }),
  upload({
    name: 'nats-up',
    title: 'NATS up: PUB operations of 4 KiB, 15 in each frame',
    messageBytes: 4096,
    mebibytes: 1536,
    perMessage: true,
    perFrame: 15,
  }),
  upload({
    name: 'nats-up-128',
    title: 'NATS up: PUB operations with 128 bytes of payload, 400 in each frame',
    messageBytes: 153,
    mebibytes: 768,
    perMessage: true,
    perFrame: 400,
  }),
  upload({
    name: 'nats-up-16',
    title: 'NATS up: PUB operations with 16 bytes of payload, 1,500 in each frame',
    messageBytes: 40,
    mebibytes: 256,
    perMessage: true,
    perFrame: 1500,
  }),
  upload({
    name: 'up-32k',
    title: 'Frames of 32 KiB up',
    messageBytes: 32_768,
    mebibytes: 1536,
    perMessage: false,
  }),
];
