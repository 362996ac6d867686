import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { InspectLevel } from '../../src/config/config.ts';
import { type Census, CensusProcess } from '../support/census.ts';
import { FakeUpstream, INFO_LINE, type UpstreamConnection } from '../support/fake-upstream.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

/**
 * What an inspected session can be made to hold, by its client or by its server, counted in the gateway's own process
 * right after a collection: heap and buffers, both sockets of the session included. The kernel's buffers are not.
 */

const KiB = 1024;
/** 300 for figures; fewer show the same. */
const SESSIONS = Number(process.env['MEMORY_SESSIONS'] ?? 40);
/** Where what is measured is far from its limits, by more than the noise of so few. */
const FEW_SESSIONS = 10;
/** Where each session takes hundreds of thousands of operations until the kernel's buffers are full. */
const BUSY_SESSIONS = 4;
const MAX_BYTES_PER_SESSION = 200 * KiB;
/**
 * A session with little to keep: both sockets, both parsers, and what is known of CONNECT and INFO are 8 to 10 KiB. Less
 * than with the longest CONNECT.
 */
const SMALL = 12 * KiB;
const LEVELS = ['observe', 'enforce'] as const satisfies readonly InspectLevel[];
const LONGEST_ARGUMENT = 4096;
const INFO_BYTES = 64 * KiB;
/** Between two looks at a process at rest. */
const MAX_NOISE_BYTES = 64 * KiB;
const TIMEOUT_MS = 30_000;

type Level = (typeof LEVELS)[number];
type Vector = {
  readonly name: string;
  readonly levels?: readonly Level[];
  readonly sessions?: number;
  readonly connect?: string;
  readonly greeting?: string;
  /** What the client says behind its CONNECT, and the gateway has read when it is counted. */
  readonly up?: string | Buffer;
  /** What the server says; `downEnd` is its last part that reaches the client. */
  readonly down?: string | Buffer;
  readonly downEnd?: string;
  /** Over and over, to a side that does not read. */
  readonly flood?: { readonly from: 'client' | 'upstream'; readonly piece: Buffer };
  /** So much must be kept: else nothing was measured. */
  readonly leastBytes?: number;
  readonly mostBytes?: number;
};

const CONNECT = 'CONNECT {"protocol":1}\r\n';
const infoWith = (member: string): string => INFO_LINE.replace('"proto":1', `"proto":1,${member}`);
/** As long as INFO may be. */
const longInfo = (name: string, letter: string): string => {
  const empty = Buffer.byteLength(infoWith(`"${name}":""`));
  const count = Math.floor((INFO_BYTES - empty - 200) / Buffer.byteLength(letter));
  return infoWith(`"${name}":"${letter.repeat(count)}"`);
};
const connectWith = (name: string, letter: string): string => {
  const head = `CONNECT {"protocol":1,"${name}":"`;
  const room = LONGEST_ARGUMENT - head.length - 8;
  return `${head}${letter.repeat(Math.floor(room / Buffer.byteLength(letter)))}"}\r\n`;
};
const times = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('');
const manyFields = (): string => {
  const fields = times(900, (index) => `,"${index.toString(36)}":1`);
  return `CONNECT {"protocol":1${fields.slice(0, fields.lastIndexOf(',', LONGEST_ARGUMENT - 30))}}\r\n`;
};

const VECTORS: readonly Vector[] = [
  {
    name: 'the longest control line, without its end',
    up: `SUB ${'a'.repeat(LONGEST_ARGUMENT)}`,
    leastBytes: 4 * KiB,
  },
  {
    name: 'the longest CONNECT, without its end',
    connect: connectWith('jwt', 'a').slice(0, -4),
    leastBytes: 4 * KiB,
  },
  ...['jwt', 'name', 'unknown'].map(
    (field): Vector => ({
      name: `the longest CONNECT, in ${field}`,
      connect: connectWith(field, 'a'),
      mostBytes: SMALL,
    }),
  ),
  {
    name: 'the longest CONNECT, in a name of two-byte characters',
    connect: connectWith('name', '漢'),
    mostBytes: SMALL,
  },
  { name: 'the longest CONNECT, in hundreds of fields', connect: manyFields(), mostBytes: SMALL },
  {
    name: '5,000 short subscriptions',
    sessions: FEW_SESSIONS,
    up: times(5000, (index) => `SUB a ${index}\r\n`),
    leastBytes: 40 * KiB,
  },
  {
    name: '2,000 subscriptions, one by one removed and made again',
    sessions: FEW_SESSIONS,
    up: times(2000, (index) => `SUB a ${index}\r\nUNSUB ${index}\r\nSUB b ${index}\r\n`),
  },
  {
    name: '500 long subscriptions',
    sessions: FEW_SESSIONS,
    up: times(500, (index) => `SUB ${'s'.repeat(400)} ${'q'.repeat(400)} ${'1'.repeat(55)}${index}\r\n`),
    leastBytes: 40 * KiB,
  },
  {
    name: '500 long subscriptions of two-byte characters',
    sessions: FEW_SESSIONS,
    up: times(500, (index) => `SUB ${'漢'.repeat(400)} ${'字'.repeat(400)} ${index}\r\n`),
    leastBytes: 40 * KiB,
  },
  {
    name: 'half of a header block',
    sessions: FEW_SESSIONS,
    up: `HPUB a 60000 1000000\r\nNATS/1.0\r\n${times(200, (index) => `h${index}: ${'x'.repeat(100)}\r\n`)}`,
  },
  {
    name: 'half of a message',
    sessions: FEW_SESSIONS,
    up: `PUB a 1000000\r\n${'x'.repeat(30_000)}`,
  },
  {
    name: 'the longest INFO of the server',
    greeting: longInfo('cluster', 'x'),
    mostBytes: INFO_BYTES + SMALL,
  },
  {
    name: 'the longest INFO of the server, in a name of two-byte characters',
    greeting: longInfo('server_name', '漢'),
    mostBytes: INFO_BYTES + SMALL,
  },
  {
    name: 'the longest INFO, without its end',
    down: longInfo('cluster', 'x').slice(0, -2),
    levels: ['observe'],
    downEnd: longInfo('cluster', 'x').slice(-30, -2),
    leastBytes: INFO_BYTES - KiB,
  },
  {
    name: 'the longest INFO, without its end',
    down: longInfo('cluster', 'x').slice(0, -2),
    levels: ['enforce'],
    leastBytes: INFO_BYTES - KiB,
  },
  {
    name: 'the longest INFO twice, the second without its end',
    greeting: longInfo('server_name', '漢'),
    down: longInfo('cluster', 'x').slice(0, -2),
    levels: ['enforce'],
    leastBytes: 2 * (INFO_BYTES - KiB),
    mostBytes: 2 * INFO_BYTES + SMALL,
  },
  { name: 'idle', mostBytes: SMALL },
  { name: 'a long -ERR', down: `-ERR '${'x'.repeat(60_000)}'\r\n`, downEnd: "x'\r\n", mostBytes: SMALL },
  {
    name: 'a client that does not read, messages',
    flood: {
      from: 'upstream',
      piece: Buffer.from(times(100, () => `MSG a 1 1000\r\n${'x'.repeat(1000)}\r\n`)),
    },
    sessions: FEW_SESSIONS,
    mostBytes: 64 * KiB,
  },
  {
    name: 'a client that does not read, INFO lines',
    flood: { from: 'upstream', piece: Buffer.from(times(1200, () => `INFO {"a":"${'x'.repeat(40)}"}\r\n`)) },
    sessions: BUSY_SESSIONS,
    mostBytes: 64 * KiB,
  },
  {
    name: 'a client that does not read, INFO lines of 4 KiB',
    flood: { from: 'upstream', piece: Buffer.from(times(16, () => `INFO {"a":"${'x'.repeat(4150)}"}\r\n`)) },
    sessions: FEW_SESSIONS,
    mostBytes: 64 * KiB,
  },
  {
    name: 'a server that does not read, messages',
    flood: { from: 'client', piece: Buffer.from(times(60, () => `PUB a 1000\r\n${'x'.repeat(1000)}\r\n`)) },
    sessions: FEW_SESSIONS,
    mostBytes: 64 * KiB,
  },
  {
    name: 'a server that does not read, PINGs',
    flood: { from: 'client', piece: Buffer.from(times(10_000, () => 'PING\r\n')) },
    sessions: BUSY_SESSIONS,
    mostBytes: 64 * KiB,
  },
];

for (const inspect of LEVELS) {
  describe(`${inspect}: no session holds more than ${MAX_BYTES_PER_SESSION / KiB} KiB`, {
    timeout: 600_000,
  }, () => {
    // One process for all: what a start costs is measured by nobody here.
    let greeting = INFO_LINE;
    let upstream: FakeUpstream;
    let gateway: CensusProcess;
    before(async () => {
      upstream = await FakeUpstream.start({
        get greeting() {
          return greeting;
        },
      });
      gateway = await CensusProcess.start(upstream.port, 'cut-through', { inspect });
      // What grows with the number of sessions is no session's; it has grown for all that follow.
      await (await hold({ name: 'the first' }, gateway, upstream, SESSIONS))[Symbol.asyncDispose]();
    });
    after(async () => {
      await gateway?.[Symbol.asyncDispose]();
      await upstream?.[Symbol.asyncDispose]();
    });

    for (const vector of VECTORS.filter((one) => one.levels?.includes(inspect) ?? true)) {
      test(vector.name, async (t) => {
        greeting = vector.greeting ?? INFO_LINE;
        const { leastBytes = 0, mostBytes = MAX_BYTES_PER_SESSION } = vector;
        let found = await measure(vector, gateway, upstream);
        // What grows once in the life of a process, such as a table or compiled code, is no session's.
        for (let again = 0; again < 2 && found.bytes >= mostBytes; again++)
          found = await measure(vector, gateway, upstream);
        const { bytes, heapBytes } = found;
        t.diagnostic(
          `${inspect}, ${vector.name}: ${inKiB(bytes)} KiB for a session (heap ${inKiB(heapBytes)}, buffers ${inKiB(bytes - heapBytes)})`,
        );
        assert.ok(bytes < mostBytes, `${bytes} bytes`);
        assert.ok(bytes >= leastBytes, `${bytes} bytes`);
      });
    }
  });
}

/** What one session holds. */
async function measure(
  vector: Vector,
  gateway: CensusProcess,
  upstream: FakeUpstream,
): Promise<{ readonly bytes: number; readonly heapBytes: number }> {
  const { sessions = SESSIONS } = vector;
  // What the first sessions of a kind bring into the process is no session's.
  const first = Math.max(2, Math.floor(sessions / 2));
  await (await hold(vector, gateway, upstream, first))[Symbol.asyncDispose]();
  const before = await atRest(gateway);
  await using holding = new AsyncDisposableStack();
  holding.use(await hold(vector, gateway, upstream, sessions));
  const during = await atRest(gateway);
  assert.equal(during.sessions, sessions, 'none was refused');
  let without = before;
  if (held(during) < held(before)) {
    // The process had not given up all of the first sessions yet; now it has.
    await holding.disposeAsync();
    without = await atRest(gateway);
  }
  return {
    bytes: (held(during) - held(without)) / sessions,
    heapBytes: (during.heapBytes - without.heapBytes) / sessions,
  };
}

/** So many sessions at their worst, until disposed of. */
async function hold(
  vector: Vector,
  gateway: CensusProcess,
  upstream: FakeUpstream,
  sessions: number,
): Promise<AsyncDisposable> {
  const pairs: [RawClient, UpstreamConnection][] = [];
  const { connect = CONNECT, up = '', down, downEnd, flood } = vector;
  for (let count = 0; count < sessions; count++) {
    const index = upstream.connections.length;
    const client = await RawClient.open(gateway.port);
    const connection = await upstream.connection(index);
    const said = Buffer.concat([Buffer.from(connect), Buffer.from(up)]);
    client.send(Buffer.concat([frame(Opcode.binary, said), frame(Opcode.ping)]));
    await client.until(() => client.frames.some((one) => one.opcode === Opcode.pong), TIMEOUT_MS);
    if (down !== undefined) {
      connection.socket.write(down);
      if (downEnd !== undefined) await client.until(() => client.data.includes(downEnd), TIMEOUT_MS);
    }
    pairs.push([client, connection]);
  }
  // Later: a gateway that reads floods answers no handshake in time on a busy machine.
  if (flood !== undefined) {
    for (const pair of pairs) begin(flood, ...pair);
    await gateway.looks(({ stalledSessions }) => stalledSessions === sessions);
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const connection of upstream.connections.splice(0)) connection.socket.destroy();
      await Promise.all(pairs.map(([client]) => client[Symbol.asyncDispose]()));
      await gateway.looks(({ sessions }) => sessions === 0);
    },
  };
}

function begin(flood: NonNullable<Vector['flood']>, client: RawClient, { socket }: UpstreamConnection): void {
  const isDown = flood.from === 'upstream';
  const [from, to] = isDown ? [socket, client.socket] : [client.socket, socket];
  const piece = isDown ? flood.piece : frame(Opcode.binary, flood.piece);
  to.pause();
  const more = (): void => {
    while (from.writable && from.write(piece));
  };
  from.on('drain', more);
  more();
}

const held = (census: Census): number => census.heapBytes + census.bufferBytes;
const inKiB = (bytes: number): string => (bytes / KiB).toFixed(1);

/** When what was sent has been read: two census in a row say the same. */
async function atRest(gateway: CensusProcess): Promise<Census> {
  let last: Census | undefined;
  return gateway.until((census) => {
    const isSame =
      census.sessions === last?.sessions && Math.abs(held(census) - held(last)) < MAX_NOISE_BYTES;
    last = census;
    return isSame;
  });
}
