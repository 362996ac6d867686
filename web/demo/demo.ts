import { errors } from '@nats-io/nats-core';
import { byteSize } from '../shared/byte-size.ts';
import { element } from '../shared/dom.ts';
import { bindThemeButton } from '../shared/theme.ts';
import { gatewayAddress, isSameGateway } from './address.ts';
import { AsCode } from './as-code.ts';
import { BreakRow } from './break-row.ts';
import { Connection, type ConnectionState } from './connection.ts';
import { askDev, type DevConfig, fetchDevConfig, followDevServer } from './dev-server.ts';
import { showLogLine } from './gateway-log.ts';
import { LatencyView } from './latency-view.ts';
import { Live } from './live.ts';
import { MessageList } from './message-list.ts';
import { explainOrigin, hideNotice, showNotice } from './notice.ts';
import { PathView } from './path-view.ts';
import { PlaceKeeper } from './place-keeper.ts';
import { Publishing } from './publishing.ts';
import { Rates } from './rates.ts';
import { Refusals } from './refusals.ts';
import { Requesting } from './requesting.ts';
import { RoundTrip } from './round-trip.ts';
import { Subscriptions } from './subscriptions.ts';
import { Timeline } from './timeline.ts';
import { Wire } from './wire.ts';

/*
 * The demo page, joined. Everything a visitor sees comes from one of the parts; this file only carries events
 * between them:
 *
 *   Connection ─▶ state ─▶ PathView, the forms        Subscriptions ─▶ messages ─▶ MessageList, Rates
 *              ├▶ frames ─▶ Wire                        Live ─▶ cursors ─▶ PathView
 *              └▶ socket ends ─▶ Refusals, Timeline ◀─ log lines of the gateway ◀─ the dev server
 */

const ROUND_TRIP_INTERVAL_MS = 2_000;
/** On a new connection: the first one is slow, since the page itself is busy then. */
const FIRST_ROUND_TRIPS = 3;

bindThemeButton();
const path = new PathView();
const timeline = new Timeline();
const rates = new Rates();
const roundTrip = new RoundTrip();
const messages = new MessageList();
const wire = new Wire();
const breakRow = new BreakRow();
new LatencyView();
const url = element('url', HTMLInputElement);
/** What the dev server said; undefined when it has ended, or when something else serves this page. */
let dev: DevConfig | undefined;

const refusals = new Refusals((refusal) => {
  timeline.refused(refusal);
  path.failed(refusal.outcome.startsWith('upstream_') ? 'tcp' : 'websocket');
  if (dev !== undefined && refusal.outcome.startsWith('origin_'))
    explainOrigin(refusal.outcome, dev.allowedOrigin);
});
const subscriptions = new Subscriptions(
  (message) => {
    rates.count(message.data.length);
    messages.add(message);
    path.travelled('to_client');
  },
  () => place.changed(),
);
const publishing = new Publishing({
  nats: () => connection.nats,
  onPublished: () => path.travelled('to_upstream'),
  isHeard: (subject) => subscriptions.hears(subject),
});
const requesting = new Requesting(() => path.travelled('to_upstream'));
const live = new Live({
  nats: () => (document.body.dataset['state'] === 'open' ? connection.nats : undefined),
  onSent: () => path.travelled('to_upstream'),
  onReceived: () => path.travelled('to_client'),
});

const connection = new Connection({
  onState: showState,
  onSession: (nats, info) => {
    path.server(info);
    subscriptions.use(nats);
    requesting.use(nats);
    live.use(nats);
    breakRow.opened();
    const limit = info?.max_payload === undefined ? '' : `, messages up to ${byteSize(info.max_payload)}`;
    const version = `nats-server ${info?.version}${info?.jetstream ? ' with JetStream' : ''}`;
    timeline.opened(`${version}${limit}.`, subscriptions.wishes.length);
    hideNotice();
    void measureRoundTrip(FIRST_ROUND_TRIPS);
  },
  onSocket: (socket) => wire.watch(socket),
  onSocketEnd: (end) => {
    if (!end.wasOpen) return refusals.failed(end);
    timeline.ended(end);
    breakRow.ended(end);
  },
  onError: (error) => {
    const isRefusedPublish =
      error instanceof errors.PermissionViolationError && error.operation === 'publish';
    if (isRefusedPublish) publishing.refused(`nats-server says: ${error.message}`);
    timeline.note('nats-server says', error.message);
  },
});

element('connect-form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (document.body.dataset['state'] === 'closed') void connect();
  else void connection.disconnect();
});
url.addEventListener('input', () => url.setCustomValidity(''));
element('clear').addEventListener('click', () => rates.reset());

const place = new PlaceKeeper(
  () => subscriptions.wishes,
  () => code.draw(),
);
for (const { subject, queue } of place.restore()) subscriptions.add(subject, queue);
const code = new AsCode(() => ({
  url: url.value,
  pattern: subscriptions.wishes[0]?.subject ?? '>',
  subject: element('publish-subject', HTMLInputElement).value.trim(),
  payload: element('publish-payload', HTMLTextAreaElement).value,
}));
rates.start();
setInterval(() => void measureRoundTrip(), ROUND_TRIP_INTERVAL_MS);
await start();

async function start(): Promise<void> {
  const found = await fetchDevConfig();
  url.value = found?.gatewayUrl ?? `ws://${location.hostname || '127.0.0.1'}:8080`;
  if (found !== undefined) {
    useDevServer(found);
    followDevServer({
      onLog: (line) => {
        showLogLine(line);
        refusals.line(line);
        timeline.explain(line);
        breakRow.line(line);
      },
      onServerRunning: (running) => path.serverRunning(running),
      onEnded: devServerEnded,
      onBack: () => void devServerIsBack(),
    });
    bindServerButton('stop');
    bindServerButton('start');
  }
  await connect();
}

function useDevServer(found: DevConfig): void {
  dev = found;
  refusals.follow(found.gatewayUrl);
  const isLetIn = found.allowedOrigin === location.origin;
  breakRow.use(isLetIn ? found.gatewayUrl : undefined);
  element('latency').hidden = !isLetIn;
  element('try').hidden = !isLetIn || found.refusedUrl === undefined;
  element('allowed-origin').textContent = found.allowedOrigin;
  if (found.refusedUrl !== undefined) element('wrong-origin', HTMLAnchorElement).href = found.refusedUrl;
  element('admin-link').hidden = found.adminUrl === undefined;
  if (found.adminUrl !== undefined) element('admin-link', HTMLAnchorElement).href = found.adminUrl;
}

/** Its gateway ended with it: nothing is there to connect to again. */
function devServerEnded(): void {
  const gateway = dev?.gatewayUrl;
  dev = undefined;
  refusals.follow(undefined);
  breakRow.use(undefined);
  element('latency').hidden = true;
  const wasOurs = gateway !== undefined && isSameGateway(url.value, gateway);
  if (wasOurs) {
    void connection.disconnect();
    path.devEnded();
  }
  showNotice('natsgate dev has ended.', 'Start it again, and this page connects by itself.');
}

async function devServerIsBack(): Promise<void> {
  const found = await fetchDevConfig();
  if (found === undefined) return;
  hideNotice();
  useDevServer(found);
  if (document.body.dataset['state'] !== 'closed') return;
  url.value = found.gatewayUrl;
  await connect();
}

async function connect(): Promise<void> {
  const address = gatewayAddress(url.value, location.protocol);
  if (address === undefined) {
    url.setCustomValidity(
      'Write the address of a gateway, such as localhost:8080 or wss://gateway.example.com.',
    );
    url.reportValidity();
    return;
  }
  url.value = address;
  code.draw();
  path.gateway(address);
  await connection.connect(address);
}

function showState(state: ConnectionState, detail?: string): void {
  path.state(state);
  if (state !== 'open') roundTrip.reset();
  const button = element('connect', HTMLButtonElement);
  button.textContent = state === 'closed' ? 'Connect' : 'Disconnect';
  button.classList.toggle('primary', state === 'closed');
  url.readOnly = state !== 'closed';
  publishing.enable(state === 'open');
  requesting.enable(state === 'open');
  if (state === 'closed') {
    subscriptions.use(undefined);
    requesting.use(undefined);
    live.use(undefined);
    if (detail !== undefined) element('status').title = detail;
  }
}

async function measureRoundTrip(times = 1): Promise<void> {
  const { nats } = connection;
  if (document.hidden || document.body.dataset['state'] !== 'open' || nats === undefined) return;
  const milliseconds = await roundTrip.measure(nats, times);
  if (milliseconds !== undefined) path.roundTrip(milliseconds);
}

function bindServerButton(action: 'stop' | 'start'): void {
  const button = element(`server-${action}`, HTMLButtonElement);
  let isBusy = false;
  button.addEventListener('click', () => {
    // Not disabled meanwhile: that would take the keyboard's focus away.
    if (isBusy) return;
    isBusy = true;
    askDev(`nats/${action}`)
      .catch((error: unknown) =>
        timeline.note('Note', error instanceof Error ? error.message : String(error)),
      )
      .finally(() => {
        isBusy = false;
      });
  });
}
