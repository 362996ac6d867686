import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { wsconnect } from '@nats-io/nats-core';
import { connect as natsWsConnect } from 'nats.ws';
import { CLOSE_REASONS, type CloseReason } from '../../src/close-reason.ts';
import type { EngineName, InspectLevel } from '../../src/config/config.ts';
import { isAtLeast } from '../../src/dev/executables.ts';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { readNameTemplate } from '../../src/nats/name-template.ts';
import { makeCertificates, type TestCertificates, upstreamTls } from '../support/certificates.ts';
import type { ConfigOverrides } from '../support/config.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { natsServerBinary, realNatsServer } from '../support/nats.ts';
import { KIND, newKey } from '../support/nkeys.ts';
import { type Conversation, DEADLINE_MS, MAX_PAYLOAD, type Place } from './conversations/conversation.ts';
import { CORE } from './conversations/core.ts';
import { ERRORS } from './conversations/errors.ts';
import { JETSTREAM } from './conversations/jetstream.ts';
import { SERVICES } from './conversations/services.ts';
import { STORES } from './conversations/stores.ts';

/**
 * Every conversation at every level, on both engines, and with each feature that raises the level: what a real server
 * takes from a real client must go through. A new conversation is one entry in a table, a new feature one here.
 */
const CONVERSATIONS: Readonly<Record<string, Conversation>> = {
  ...CORE,
  ...ERRORS,
  ...JETSTREAM,
  ...STORES,
  ...SERVICES,
};
const LEVELS: readonly InspectLevel[] = ['off', 'observe', 'enforce'];
const ENGINES: readonly EngineName[] = ['cut-through', 'buffered'];
/** At once; each waits for its own server most of the time. */
const CONCURRENCY = 6;

const signer = newKey(KIND.user);
const knowsProxies = isAtLeast((await natsServerBinary()).version, '2.12.0');

/** How the gateway differs from one with this level and engine alone. */
type Feature = {
  readonly settings: (certificates: TestCertificates) => ConfigOverrides;
  /** Of the clients, where the server must not know them without the gateway. */
  readonly user?: string;
};
const FEATURES: Readonly<Record<string, Feature>> = {
  'info.connectUrls: drop': { settings: () => ({ info: { connectUrls: 'drop' } }) },
  'info.hide': {
    settings: () => ({
      info: { hide: ['host', 'port', 'cluster', 'server_name', 'git_commit', 'go', 'ip'] },
    }),
  },
  'upstream.tls': { settings: (certificates) => ({ upstream: { tls: upstreamTls(certificates) } }) },
  ...(knowsProxies && {
    'upstream.proxySeedFile': { settings: () => ({ upstream: { proxySigner: signer } }), user: 'signed' },
  }),
  'connect.name': {
    settings: () => ({ connect: { name: readNameTemplate('{name} [{origin}] {session}') } }),
  },
  compression: { settings: () => ({ compression: { enabled: true } }) },
};

let certificates: TestCertificates;
let server: RunningNatsServer;
before(async () => {
  certificates = await makeCertificates();
  const { serverCertFile, serverKeyFile } = certificates;
  server = await realNatsServer({
    jetstream: true,
    config: `
max_payload: ${MAX_PAYLOAD}
allow_non_tls: true
tls { cert_file: "${serverCertFile}", key_file: "${serverKeyFile}" }
${knowsProxies ? `proxies { trusted = [ { key: ${signer.publicKey} } ] }` : ''}
authorization { users: [
  { user: app, password: p }
  { user: limited, password: p, permissions: { publish: { deny: "secret.>" }, subscribe: { deny: "secret.>" } } }
  ${knowsProxies ? '{ user: signed, password: p, proxy_required: true }' : ''}
] }`,
  });
});
after(async () => {
  await server?.close();
  await certificates?.[Symbol.asyncDispose]();
});

let conversations = 0;

/** Holds the conversation, and closes its clients. */
async function hold(conversation: Conversation, gateway: TestGateway, user: string): Promise<void> {
  await using clients = new AsyncDisposableStack();
  const servers = `ws://127.0.0.1:${gateway.port}`;
  const place: Place = {
    server,
    name: `c${conversations++}`,
    connect: async (options) => {
      const login = { user, pass: 'p', timeout: DEADLINE_MS, reconnect: false };
      return clients.use(await wsconnect({ servers, ...login, ...options }));
    },
    connectNatsWs: async () => {
      const client = await natsWsConnect({
        servers,
        user,
        pass: 'p',
        timeout: DEADLINE_MS,
        reconnect: false,
      });
      clients.defer(() => client.close());
      return client;
    },
  };
  await conversation(place);
}

function holdAll(title: string, settings: () => ConfigOverrides, user = 'app'): void {
  describe(title, { concurrency: CONCURRENCY }, () => {
    let gateway: TestGateway;
    before(async () => {
      gateway = await startTestGateway(server.port, settings());
    });
    after(async () => {
      await gateway?.[Symbol.asyncDispose]();
      const ends = gateway.log.lines.filter((line) => line.message === 'session ended');
      // The server ends those that it refuses; unread bytes make a reset of that.
      const byGateway = ends.filter(({ reason }) => {
        // nats.ws does not wait for its close to be answered, and we have just stopped.
        return reason !== 'draining' && CLOSE_REASONS[reason as CloseReason].initiator === 'gateway';
      });
      assert.deepEqual(byGateway, [], 'the gateway ended sessions');
      const stops = gateway.log.lines.filter((line) => /NATS protocol/.test(line.message));
      assert.deepEqual(stops, [], 'the gateway could not read a stream');
      assert.ok(ends.length > 0);
    });
    for (const [name, conversation] of Object.entries(CONVERSATIONS))
      test(name, { timeout: 300_000 }, () => hold(conversation, gateway, user));
  });
}

for (const inspect of LEVELS)
  for (const engine of ENGINES) holdAll(`${inspect}, ${engine}`, () => ({ inspect, engine }));

for (const [name, { settings, user }] of Object.entries(FEATURES))
  holdAll(`enforce, ${name}`, () => ({ inspect: 'enforce', ...settings(certificates) }), user);
