import { WebSocket } from 'ws';
import { readFirstLine } from '../nats/info.ts';

export type ProbeOptions = {
  readonly origin?: string | undefined;
  readonly timeoutMs: number;
  readonly say: (line: string) => void;
};

const CONNECT_AND_PING =
  'CONNECT {"verbose":false,"pedantic":false,"lang":"natsgate-probe","version":"1","protocol":1}\r\nPING\r\n';
/** A PONG comes behind the INFO and perhaps an -ERR; whoever sends more than this is no NATS server. */
const MAX_ANSWER_BYTES = 128 * 1024;

/**
 * `natsgate probe URL`: opens a WebSocket as a client would, waits for the server's INFO, sends PING and waits for
 * PONG. A server that wants a login counts as alive, since its -ERR proves the way there. Returns the exit code:
 * 0 when all of it happened in time, else 1; one line says what was seen.
 */
export function probe(url: string, options: ProbeOptions): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let webSocket: WebSocket;
  try {
    webSocket = new WebSocket(url, {
      ...(options.origin === undefined ? {} : { origin: options.origin }),
      perMessageDeflate: false,
      handshakeTimeout: options.timeoutMs,
    });
  } catch (error) {
    options.say(`probe: ${url} is not a WebSocket URL (${(error as Error).message}); write ws://host:port`);
    return Promise.resolve(1);
  }
  const startedMs = performance.now();
  let received: Buffer = Buffer.alloc(0);
  let stage = 'the WebSocket handshake';
  let done = false;
  const finish = (code: number, line: string): void => {
    if (done) return;
    done = true;
    clearTimeout(deadline);
    options.say(line);
    webSocket.terminate();
    resolve(code);
  };
  const fail = (what: string): void => finish(1, `probe: failed in ${stage}: ${what}`);
  const deadline = setTimeout(() => fail(`nothing within ${options.timeoutMs} ms`), options.timeoutMs);
  const onBytes = (): void => {
    const first = readFirstLine(received);
    if (first.kind === 'not_nats') return fail('the first bytes are not a NATS INFO line');
    if (first.kind === 'error') return fail(`-ERR ${first.text}`);
    if (first.kind === 'incomplete') return;
    if (stage !== 'PING') {
      stage = 'PING';
      webSocket.send(Buffer.from(CONNECT_AND_PING));
    }
    const answer = received.toString('latin1', first.length);
    const ms = Math.round(performance.now() - startedMs);
    const name = `${first.info.serverName ?? 'nats-server'} ${first.info.version ?? ''}`.trim();
    if (/^PONG\r?\n/im.test(answer)) finish(0, `probe: ok, ${name} answered in ${ms} ms`);
    else if (/^-ERR 'authorization violation'/im.test(answer))
      finish(0, `probe: ok, ${name} asks for a login (${ms} ms)`);
    else if (/^-ERR/im.test(answer)) fail(answer.split('\r\n', 1)[0] ?? '-ERR');
  };
  webSocket.on('open', () => {
    stage = 'INFO';
  });
  webSocket.on('message', (data: Buffer) => {
    received = Buffer.concat([received, data]);
    if (received.length > MAX_ANSWER_BYTES) fail('more bytes than a NATS server sends');
    else onBytes();
  });
  webSocket.on('unexpected-response', (_request, response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      body = (body + text).slice(0, 300);
    });
    response.on('end', () => fail(`HTTP ${response.statusCode} ${body.trim()}`));
  });
  webSocket.on('error', (error) => fail(error.message));
  webSocket.on('close', (code) => fail(`closed with code ${code}`));
  return promise;
}
