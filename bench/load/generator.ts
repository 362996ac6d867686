import { createHash } from 'node:crypto';
import { serve } from '../helper.ts';
import { Client, type Target } from './client.ts';
import { type Block, block, maskedFrame } from './frames.ts';
import { type HandshakeKind, handshakes, logins } from './handshakes.ts';
import { type Latencies, pingPong } from './ping-pong.ts';

/** The clients of every measurement, in a process of their own: prebuilt bytes out, counting in. */

const blocks = new Map<string, Block>();
let clients: Client[] = [];
let target: Target | undefined;
const OPEN_AT_ONCE = 64;

function blockOf(messageBytes: number, perFrame = 1): Block {
  const key = `${messageBytes},${perFrame}`;
  let found = blocks.get(key);
  if (found === undefined) {
    found = block(messageBytes, perFrame);
    blocks.set(key, found);
  }
  return found;
}

const framed = (payload: string): Buffer =>
  target?.protocol === 'ws' ? maskedFrame(Buffer.from(payload), 0xa1b2_c3d4) : Buffer.from(payload);

/** Two writes under way at any time. */
function sendTimes(client: Client, bytes: Buffer, times: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let begun = 0;
    let done = 0;
    const next = (): void => {
      if (begun++ < times) client.socket.write(bytes, written);
    };
    const written = (error?: Error | null): void => {
      if (error) reject(error);
      else if (++done === times) resolve();
      else next();
    };
    next();
    next();
  });
}

const methods = {
  /** What `up` sends with each repetition. The digest is of `repeats` of them, as they come out behind the subject. */
  describe(of: {
    messageBytes: number;
    perFrame?: number;
    repeats: number;
    protocol: Target['protocol'];
    digest: boolean;
  }) {
    const { wire, payload, messages } = blockOf(of.messageBytes, of.perFrame);
    // Behind a CONNECT a TCP client sends plain NATS too, see `up`.
    const bytes = of.protocol === 'ws' || (of.perFrame ?? 1) > 1 ? payload : wire;
    const hash = createHash('sha256');
    if (of.digest) for (let count = 0; count < of.repeats; count++) hash.update(bytes);
    return { messages, bytes: bytes.length, payloadBytes: payload.length, sha256: hash.digest('hex') };
  },
  async open(request: { readonly target: Target; readonly connections: number }): Promise<void> {
    target = request.target;
    while (clients.length < request.connections) {
      const count = Math.min(OPEN_AT_ONCE, request.connections - clients.length);
      const opened = Array.from({ length: count }, () => new Client(request.target).opened());
      clients.push(...(await Promise.all(opened)));
    }
    const { hello } = request.target;
    if (hello !== undefined) for (const client of clients) client.socket.write(framed(hello));
  },
  /** Upload: the block of such messages, so many times. Resolves when the kernel has it. */
  async up(load: {
    readonly messageBytes: number;
    readonly perFrame?: number;
    readonly repeats: number;
  }): Promise<void> {
    const { wire, payload } = blockOf(load.messageBytes, load.perFrame);
    const plainNats = target?.hello !== undefined && target.protocol === 'tcp';
    await sendTimes(clients[0]!, plainNats ? payload : wire, load.repeats);
  },
  /** Behind an upload to a real server: its PONG says that it has read all. */
  pingServer(): Promise<void> {
    const client = clients[0]!;
    return new Promise((resolve) => {
      client.onPayload = (piece) => {
        if (piece.includes('PONG')) resolve();
      };
      client.socket.write(framed('PING\r\n'));
    });
  },
  /** Asks the upstream for its flood and counts it. */
  async down(load: { readonly bytes: number; readonly digest: boolean; readonly start?: string }) {
    const client = clients[0]!;
    const hash = load.digest ? createHash('sha256') : undefined;
    await new Promise<void>((resolve) => {
      client.onPayload = (piece) => {
        hash?.update(piece);
        if (client.received >= load.bytes) resolve();
      };
      client.socket.write(framed(load.start ?? 'go'));
    });
    return { bytes: client.received, sha256: hash?.digest('hex') };
  },
  pingPong(load: {
    readonly perSecond: number;
    readonly seconds: number;
    readonly payloadBytes: number;
    /** So many bytes that the other end sends back; `p`s if it is left out. */
    readonly text?: string;
  }): Promise<Latencies> {
    const wire = framed(load.text ?? 'p'.repeat(load.payloadBytes));
    return pingPong(clients, { ...load, wire });
  },
  handshakes(load: {
    readonly target: Target;
    readonly count: number;
    readonly inFlight: number;
    readonly kind: HandshakeKind;
  }): Promise<void> {
    return handshakes(load.target, load.count, load.inFlight, load.kind);
  },
  logins(load: { readonly target: Target; readonly tokens: readonly (string | null)[] }): Promise<number[]> {
    return logins(load.target, load.tokens);
  },
  /** All clients ask for a flood and read nothing of it. */
  stopAndAsk(): void {
    for (const client of clients) {
      client.socket.pause();
      client.socket.write(framed('go'));
    }
  },
  /** All clients send as much as is taken, at most so many blocks each. */
  sendToStopped(load: { readonly messageBytes: number; readonly blocks: number }): void {
    const { wire } = blockOf(load.messageBytes);
    for (const client of clients) sendTimes(client, wire, load.blocks).catch(() => {});
  },
  /** Bytes that the kernel took from us, over all connections. */
  sent(): number {
    return clients.reduce((sum, { socket }) => sum + socket.bytesWritten - socket.writableLength, 0);
  },
  closeAll(): void {
    for (const client of clients) client.socket.destroy();
    clients = [];
  },
};

export type GeneratorMethods = typeof methods;

serve(methods);
