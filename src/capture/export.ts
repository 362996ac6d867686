import { type IpAddress, parseIpAddress } from '../net/ip-address.ts';
import type { CaptureEnd, CaptureHeader, CaptureRecord, OperationEvent } from './format.ts';
import { type Endpoint, InventedTcp, type Sender } from './invented-tcp.ts';
import { interfaceBlock, packetBlock, sectionBlock } from './pcapng.ts';
import { operationBytes } from './wire.ts';

export type ExportOptions = {
  /** The program and its version. */
  readonly application: string;
  /** For tests of what reads the file: smaller segments. */
  readonly segmentBytes?: number;
};

/** In the file the server side of both connections is here, so that Wireshark takes it for NATS. */
const NATS_PORT = 4222;
const BROWSER_PORT = 50_001;
const GATEWAY_PORT = 50_002;
/** natsgate, and any side whose address is not known: addresses that are kept free for examples. */
const GATEWAY: Readonly<Record<IpAddress['family'], string>> = { ipv4: '192.0.2.1', ipv6: '2001:db8::1' };
const UNKNOWN_CLIENT = '192.0.2.100';
const UNKNOWN_SERVER = '192.0.2.200';

/** The two interfaces of the file: the connection of the browser, and that to nats-server. */
const BROWSER = 0;
const SERVER = 1;

/**
 * A capture as pcapng, for Wireshark: two TCP connections that are made up around the operations, one for each side of
 * natsgate. Where natsgate did something the packet has a comment.
 */
export async function* pcapngOf(
  records: AsyncIterable<CaptureRecord>,
  options: ExportOptions,
): AsyncGenerator<Buffer> {
  let pcapng: PcapngExport | undefined;
  for await (const record of records) {
    if ('kind' in record) {
      pcapng = new PcapngExport(record, options);
      yield* pcapng.begin();
    } else if (pcapng === undefined) throw new Error('a capture begins with its header');
    else if ('end' in record) yield* pcapng.end(record);
    else if (record.d === 'g') pcapng.comment(record.note);
    else yield* pcapng.operation(record);
  }
}

class PcapngExport {
  readonly #header: CaptureHeader;
  readonly #application: string;
  readonly #connections: readonly [InventedTcp, InventedTcp];
  readonly #startNanoseconds: bigint;
  /** What natsgate did since the last packet. */
  #comments: string[] = [];

  constructor(header: CaptureHeader, { application, segmentBytes }: ExportOptions) {
    this.#header = header;
    this.#application = application;
    this.#startNanoseconds = BigInt(Date.parse(header.started)) * 1_000_000n;
    const client = addressOf(header.client, UNKNOWN_CLIENT);
    const server = addressOf(header.server?.address, UNKNOWN_SERVER);
    this.#connections = [
      new InventedTcp(at(client, BROWSER_PORT), at(gatewayFor(client), NATS_PORT), segmentBytes),
      new InventedTcp(at(gatewayFor(server), GATEWAY_PORT), at(server, NATS_PORT), segmentBytes),
    ];
  }

  *begin(): Generator<Buffer> {
    const { session, route, origin, user, server, payloads } = this.#header;
    const facts = [
      `natsgate capture of session ${session}`,
      ...(route === undefined ? [] : [`route ${route}`]),
      ...(origin === undefined ? [] : [`origin ${origin}`]),
      ...(user === undefined ? [] : [`user ${user}`]),
      ...(server?.name === undefined ? [] : [`server ${server.name} ${server.version ?? ''}`.trim()]),
      ...(server?.cid === undefined ? [] : [`cid ${server.cid}`]),
      ...(payloads === 'masked' ? ['payloads and header values are masked, at their length'] : []),
      'IP and TCP are made up; the server side is port 4222, whatever the real port',
    ];
    yield sectionBlock(this.#application, facts.join('; '));
    yield interfaceBlock('browser', 'WebSocket side: between the client and natsgate, without frames');
    yield interfaceBlock('nats-server', 'TCP side: between natsgate and nats-server');
    for (const side of [BROWSER, SERVER] as const)
      for (const [from, bytes] of this.#connections[side].open()) yield this.#packet(side, from, 0, bytes);
  }

  comment(text: string): void {
    this.#comments.push(`natsgate: ${text}`);
  }

  *operation(event: OperationEvent): Generator<Buffer> {
    const { t, d, v, note } = event;
    const from: Sender = d === 'c>' || d === '>s' ? 'client' : 'server';
    const passed = v === undefined;
    const bytes = operationBytes(event);
    if (!passed || note !== undefined || d === '>s' || d === '>c') this.comment(describe(event));
    // The side that it came from is first.
    if (d === 'c>' || d === '>c') yield* this.#send(BROWSER, from, t, bytes);
    if ((d === 'c>' && passed) || d === 's>' || d === '>s') yield* this.#send(SERVER, from, t, bytes);
    if (d === 's>' && passed) yield* this.#send(BROWSER, from, t, bytes);
  }

  *end({ t, end: { reason, lost } }: CaptureEnd): Generator<Buffer> {
    this.comment(`end: ${reason}${lost === 0 ? '' : `; ${lost} operations were not recorded`}`);
    for (const side of [BROWSER, SERVER] as const)
      for (const [from, bytes] of this.#connections[side].close('client'))
        yield this.#packet(side, from, t, bytes);
  }

  *#send(
    side: typeof BROWSER | typeof SERVER,
    from: Sender,
    micros: number,
    bytes: Buffer,
  ): Generator<Buffer> {
    for (const packet of this.#connections[side].send(from, bytes))
      yield this.#packet(side, from, micros, packet);
  }

  #packet(side: typeof BROWSER | typeof SERVER, from: Sender, micros: number, bytes: Buffer): Buffer {
    const comment = this.#comments.length === 0 ? undefined : this.#comments.join('\n');
    this.#comments = [];
    return packetBlock({
      interfaceNumber: side,
      nanoseconds: this.#startNanoseconds + BigInt(micros) * 1000n,
      isInbound: (side === BROWSER) === (from === 'client'),
      bytes,
      comment,
    });
  }
}

function describe({ d, v, note }: OperationEvent): string {
  const done = v ?? (d === '>s' || d === '>c' ? 'written by natsgate' : 'passed');
  return note === undefined ? done : `${done}: ${note}`;
}

const at = (address: IpAddress, port: number): Endpoint => ({ address, port });
const addressOf = (text: string | undefined, otherwise: string): IpAddress =>
  parseIpAddress(text ?? otherwise) as IpAddress;
const gatewayFor = ({ family }: IpAddress): IpAddress => addressOf(undefined, GATEWAY[family]);
