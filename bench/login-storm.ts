import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { startBench } from './bench-processes.ts';
import { openSocket, requestFor, type Target } from './load/client.ts';
import { percentile } from './statistics.ts';
import { startWith } from './subjects/natsgate.ts';
import { targetOf } from './work/upload.ts';

/**
 * `node bench/login-storm.ts`: ten seconds of 300 handshakes each, all with tokens whose key is made up, against key
 * sets that answer, fail and hang. What counts: how often the keys are fetched, and how long a client waits.
 */
const PER_SECOND = 300;
const SECONDS = 10;
const COOLDOWN = '2s';
const HANDSHAKE = '2s';
const ISSUER = 'https://id.example.com';
const KEY = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  kid: 'known',
  alg: 'EdDSA',
};

const ENDPOINTS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  answers: (response) => response.end(JSON.stringify({ keys: [KEY] })),
  fails: (response) => response.writeHead(500).end(),
  hangs: () => {},
};

function madeUp(): string {
  const text = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const claims = { iss: ISSUER, aud: 'bench', sub: 'a', exp };
  return `${text({ alg: 'EdDSA', kid: randomUUID() })}.${text(claims)}.${Buffer.alloc(64).toString('base64url')}`;
}

/** The status, and how long it took. */
function handshake(target: Target): Promise<{ readonly status: string; readonly ms: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: string; ms: number }>();
  const startMs = performance.now();
  const socket = openSocket(target, (chunk) => {
    const status = chunk.toString('latin1', 9, 12);
    resolve({ status, ms: performance.now() - startMs });
    socket.destroy();
  });
  socket.on('error', reject).on('close', () => reject(new Error('closed without an answer')));
  socket.write(requestFor('/', madeUp()));
  return promise;
}

const bench = await startBench();
try {
  for (const [name, answer] of Object.entries(ENDPOINTS)) {
    let fetches = 0;
    const server = createServer((_, response) => {
      fetches++;
      answer(response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const jwt = [{ issuer: ISSUER, audience: 'bench', keys: { url, cooldown: COOLDOWN } }];
    const config = {
      inspect: 'observe',
      auth: { from: [{ header: 'authorization' }], jwt },
      timeouts: { handshake: HANDSHAKE },
    };
    const subject = await startWith({ upstreamPort: bench.upstreamPort }, { config });
    const target = targetOf(subject);
    const answers: ReturnType<typeof handshake>[] = [];
    const startMs = performance.now();
    for (let count = 0; count < PER_SECOND * SECONDS; count++) {
      answers.push(handshake(target));
      const aheadMs = startMs + (1000 * count) / PER_SECOND - performance.now();
      if (aheadMs > 1) await wait(aheadMs);
    }
    const all = await Promise.all(answers);
    const times = all.map(({ ms }) => ms).sort((a, b) => a - b);
    const statuses = Object.entries(Object.groupBy(all, ({ status }) => status));
    console.log(
      `keys that ${name}: ${fetches} fetches in ${SECONDS} s (cooldown ${COOLDOWN}); ` +
        `${statuses.map(([status, some = []]) => `${status}: ${some.length}`).join(', ')}; ` +
        `p50 ${percentile(times, 0.5).toFixed(1)}, p99 ${percentile(times, 0.99).toFixed(1)}, ` +
        `most ${percentile(times, 1).toFixed(0)} ms (timeouts.handshake ${HANDSHAKE})`,
    );
    await subject.stop();
    server.closeAllConnections();
    server.close();
  }
} finally {
  bench.generator.stop();
  bench.upstream.stop();
}
