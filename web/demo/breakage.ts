import type { HugeFrameEnd } from '../../src/dev/huge-frame.ts';
import { byteSize } from '../shared/byte-size.ts';
import { askDev, type LogLine } from './dev-server.ts';
import { tokenOf } from './reasons.ts';
import type { SocketEnd } from './socket-end.ts';
import { trySocket } from './trial-socket.ts';

/** What came of one attempt to break something. */
export type Broken = {
  /** What a browser is told, which is little. */
  readonly saw: string;
  /** Whether a line of the gateway's log is about it. */
  readonly isKnownBy: (line: LogLine) => boolean;
};

export type BreakageContext = {
  readonly gatewayUrl: string;
  /** Of the page's own connection. */
  nextEnd(): Promise<SocketEnd>;
  nextOpen(): Promise<unknown>;
};

/** The request for the flood must have left by then, and the flood must not have come. */
const BEFORE_FREEZE_MS = 250;
/** Longer than the gateway of `natsgate dev` lets bytes wait for a client. */
const FREEZE_MS = 5_000;
const CLOCK_STEP_MS = 100;
/** As every client begins: an -ERR of the gateway comes after the PONG. */
const CONNECT = 'CONNECT {"verbose":false}\r\nPING\r\n';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Each thing that can be broken, by the name of its button. */
export const BREAKAGES: Readonly<Record<string, (context: BreakageContext) => Promise<Broken>>> = {
  restart: (context) => broken(context, 'nats/restart'),
  drain: (context) => broken(context, 'gateway/drain'),
  freeze: async ({ gatewayUrl }) => {
    await askDev('nats/freeze');
    const sinceMs = Date.now();
    const { end, tookMs } = await trySocket(gatewayUrl, () => {});
    const saw = `A new WebSocket: ${endText(end)} after ${seconds(tookMs)}. The open one goes on.`;
    return { saw, isKnownBy: isRefusalOf(location.origin, sinceMs) };
  },
  text: ({ gatewayUrl }) => provoked(gatewayUrl, (socket) => socket.send('PING\r\n')),
  huge: async () => {
    const sinceMs = Date.now();
    const { bytes, code, reason, clientId } = (await askDev('try/huge')) as HugeFrameEnd;
    return {
      saw: `${code} ${reason}, at the first bytes of ${byteSize(bytes)}. (Browsers cut messages into small frames, so natsgate dev sent it.)`,
      isKnownBy: isEndOf(clientId, sinceMs),
    };
  },
  slow: ({ gatewayUrl }) =>
    provoked(gatewayUrl, (socket) => {
      socket.send(encoded(`${CONNECT}SUB flood 1\r\n`));
      void askDev('try/flood').catch(() => {}); // what it is asked to do ends by itself
      setTimeout(freeze, BEFORE_FREEZE_MS);
    }),
  stranger: async () => {
    const sinceMs = Date.now();
    const { origin, status } = (await askDev('try/stranger')) as { origin: string; status: number };
    return {
      saw: `A page of ${origin} gets ${status}, and its script learns only: 1006, no reason.`,
      isKnownBy: isRefusalOf(origin, sinceMs),
    };
  },
  expired: async () => {
    const { url } = (await askDev('try/login')) as { url: string };
    const { end, tookMs, serverErrors } = await trySocket(url, (socket) => socket.send(encoded(CONNECT)));
    return {
      saw: `${[...serverErrors.map(errorText), endText(end)].join(', then ')} after ${seconds(tookMs)}.`,
      isKnownBy: isEndOf(end?.clientId, end?.startedAtMs ?? 0),
    };
  },
  denied: async () => {
    const { url } = (await askDev('try/login')) as { url: string };
    // The gateway writes down a refusal of the same subject once in a minute.
    const subject = `secret.${Date.now()}`;
    const { serverErrors } = await trySocket(
      url,
      (socket) => socket.send(encoded(`${CONNECT}PUB ${subject} 2\r\nhi\r\n`)),
      (socket) => socket.close(),
    );
    const saw = serverErrors.length === 0 ? 'nothing' : `${serverErrors.map(errorText).join(', ')}.`;
    return { saw: `${saw} The session goes on.`, isKnownBy: ({ fields }) => fields['subject'] === subject };
  },
};

/** Something that ends the page's own connection, which nats.js then opens again. */
async function broken({ nextEnd, nextOpen }: BreakageContext, action: string): Promise<Broken> {
  const ended = nextEnd();
  const opened = nextOpen();
  await askDev(action);
  const end = await ended;
  const endedAtMs = Date.now();
  await opened;
  const saw = `${endText(end)}. Connected again ${seconds(Date.now() - endedAtMs)} later.`;
  return { saw, isKnownBy: isEndOf(end.clientId, end.startedAtMs) };
}

async function provoked(gatewayUrl: string, provoke: (socket: WebSocket) => void): Promise<Broken> {
  const { end, tookMs } = await trySocket(gatewayUrl, provoke);
  return {
    saw: `${endText(end)} after ${seconds(tookMs)}.`,
    isKnownBy: isEndOf(end?.clientId, end?.startedAtMs ?? 0),
  };
}

/** No timer, no event, no message: what a page does in an endless loop. */
function freeze(): void {
  const until = performance.now() + FREEZE_MS;
  while (performance.now() < until);
}

const encoded = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const errorText = (error: string): string => `-ERR '${error}'`;

function endText(end: SocketEnd | undefined): string {
  if (end === undefined) return 'nothing';
  return `${end.code} ${tokenOf(end) || 'without a reason'}`;
}

/** nats-server's numbers begin again when it does, so an older line may have the same one. */
const isEndOf =
  (clientId: number | undefined, sinceMs: number) =>
  ({ time, fields }: LogLine): boolean =>
    clientId !== undefined &&
    fields['natsClientId'] === clientId &&
    fields['reason'] !== undefined &&
    isSince(time, sinceMs);

const isRefusalOf =
  (origin: string, sinceMs: number) =>
  ({ time, fields }: LogLine): boolean =>
    fields['outcome'] !== undefined && fields['origin'] === origin && isSince(time, sinceMs);

/** Browsers may round their clock. */
const isSince = (time: string, sinceMs: number): boolean => Date.parse(time) >= sinceMs - CLOCK_STEP_MS;
