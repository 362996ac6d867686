import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { FileReader } from '../config/files.ts';
import { certificatesIn, pemOf } from '../config/pem.ts';
import { quote } from '../config/text.ts';
import { readFirstLine } from '../nats/info.ts';
import { describeAnswer, describeError } from './probe-failures.ts';
import { serverText } from './server-text.ts';

export type ProbeOptions = {
  readonly origin?: string | undefined;
  readonly timeoutMs: number;
  /** Authorities in PEM form, in place of those that Node knows. */
  readonly ca?: string | undefined;
  /** Name in the certificate, where it is not the host of the URL. */
  readonly serverName?: string | undefined;
  readonly say: (line: string) => void;
};

const CONNECT_AND_PING =
  'CONNECT {"verbose":false,"pedantic":false,"lang":"natsgate-probe","version":"1","protocol":1}\r\nPING\r\n';
/** A PONG comes after the INFO and perhaps an -ERR; more than this comes from no NATS server. */
const MAX_ANSWER_BYTES = 128 * 1024;
const MAX_BODY_CHARACTERS = 2000;
/** The answer is known by then; a peer that is slow to close does not change it. */
const CLOSE_MS = 1000;
const MAX_CA_BYTES = 1024 * 1024;

type Verdict = { readonly code: 0 | 1; readonly line: string };

/**
 * `natsgate probe URL`: opens a WebSocket as a client would, waits for the server's INFO, sends PING, waits for PONG, and
 * closes in order. A server that wants a login counts as alive, since its -ERR proves the way there. Resolves with the
 * exit code: 0 when all of it happened in time, else 1; one line says what was seen.
 */
export async function probe(url: URL, options: ProbeOptions): Promise<number> {
  const webSocket = new WebSocket(url, {
    ...(options.origin === undefined ? {} : { origin: options.origin }),
    ...(options.ca === undefined ? {} : { ca: options.ca, allowPartialTrustChain: true }),
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
    perMessageDeflate: false,
  });
  // The verdict has listeners of its own; this one stays, for what comes after it.
  webSocket.on('error', () => {});
  const { code, line } = await verdict(webSocket, url, options);
  options.say(`probe: ${line}`);
  await close(webSocket);
  return code;
}

/** A WebSocket URL, or what is wrong with the text. */
export function probeUrl(text: string): URL | { readonly problem: string } {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text) ?? [];
  if (scheme === undefined)
    return { problem: `${quote(text)} is no URL; write ws://host:port, or wss://host:port for TLS` };
  const name = scheme.toLowerCase();
  if (name === 'http' || name === 'https')
    return { problem: `${name}:// opens no WebSocket; write ${name === 'http' ? 'ws' : 'wss'}://` };
  if (name !== 'ws' && name !== 'wss')
    return { problem: 'probe speaks WebSocket, as browsers do; write ws://host:port or wss://host:port' };
  if (!URL.canParse(text)) return { problem: `${quote(text)} is no URL; write ws://host:port` };
  const url = new URL(text);
  url.hash = '';
  return url;
}

/** The content of a file with authorities, or what is wrong with it. */
export async function readAuthorities(
  file: string,
  reader = new FileReader(),
): Promise<string | { readonly problem: string }> {
  const found = await reader.read(file, MAX_CA_BYTES);
  if (!found.ok) return { problem: `--ca: ${quote(file)} cannot be read: ${found.what}` };
  const certificates = certificatesIn(found.bytes);
  return certificates.ok
    ? pemOf(certificates.value)
    : { problem: `--ca: ${quote(file)}: ${certificates.problem}` };
}

function verdict(webSocket: WebSocket, url: URL, options: ProbeOptions): Promise<Verdict> {
  const { promise, resolve } = Promise.withResolvers<Verdict>();
  const startedMs = performance.now();
  const elapsed = (): string => `${Math.round(performance.now() - startedMs)} ms`;
  const target = {
    url,
    serverName: options.serverName ?? url.hostname,
    hasAuthorities: options.ca !== undefined,
  };
  let received: Buffer = Buffer.alloc(0);
  let missing = `no answer to the WebSocket handshake; is ${url.host} the port of natsgate?`;
  const succeed = (line: string): void => resolve({ code: 0, line: `ok, ${line}` });
  const fail = (line: string): void => resolve({ code: 1, line: `failed: ${line}` });
  const deadline = setTimeout(() => fail(`${options.timeoutMs} ms are over: ${missing}`), options.timeoutMs);
  let asked = false;
  const onBytes = (): void => {
    const first = readFirstLine(received);
    if (first.kind === 'not_nats')
      return fail('the WebSocket is open, but what comes first is no INFO of NATS');
    if (first.kind === 'error') return fail(`nats-server answered -ERR ${first.text}`);
    if (first.kind === 'incomplete') return;
    if (!asked) {
      asked = true;
      missing = 'INFO came, but no PONG';
      webSocket.send(Buffer.from(CONNECT_AND_PING));
    }
    const answer = received.toString('latin1', first.length);
    const name = serverText(first.info);
    if (/^PONG\r?\n/im.test(answer)) succeed(`${name} answered in ${elapsed()}`);
    else if (/^-ERR 'authorization violation'/im.test(answer))
      succeed(`${name} asks for a login (${elapsed()})`);
    else if (/^-ERR/im.test(answer)) fail(`nats-server answered ${answer.split('\r\n', 1)[0]}`);
  };
  webSocket
    .on('open', () => {
      missing = 'the WebSocket is open, but no INFO came (a route to tcp:// sends none)';
    })
    .on('message', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      if (received.length > MAX_ANSWER_BYTES) fail('more bytes came than a NATS server sends');
      else onBytes();
    })
    .on('unexpected-response', (_request, response: IncomingMessage) => {
      let body = '';
      const answered = (): void =>
        fail(
          describeAnswer({
            status: response.statusCode ?? 0,
            statusText: response.statusMessage ?? '',
            location: response.headers.location,
            body,
          }),
        );
      response
        .setEncoding('utf8')
        .on('data', (text: string) => {
          body = (body + text).slice(0, MAX_BODY_CHARACTERS);
        })
        .on('end', answered)
        .on('error', answered);
    })
    .on('error', (error) => fail(describeError(error, target)))
    .on('close', (code) => fail(`the WebSocket was closed with code ${code} before PONG`));
  return promise.finally(() => clearTimeout(deadline));
}

/** In order where there is a WebSocket: a session that ends without it counts as a lost client. */
async function close(webSocket: WebSocket): Promise<void> {
  if (webSocket.readyState === WebSocket.CLOSED) return;
  if (webSocket.readyState === WebSocket.CONNECTING) return webSocket.terminate();
  const closed = Promise.withResolvers<void>();
  webSocket.once('close', () => closed.resolve());
  const deadline = setTimeout(() => webSocket.terminate(), CLOSE_MS);
  webSocket.close(1000);
  await closed.promise;
  clearTimeout(deadline);
}
