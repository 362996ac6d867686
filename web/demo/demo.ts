import { Connection, type ConnectionState } from './connection.ts';
import { actOnServer, fetchDevConfig, followDevServer } from './dev-server.ts';
import { byteSize, element, make } from './dom.ts';
import { showLogLine } from './gateway-log.ts';
import { MessageList } from './message-list.ts';
import { PathView } from './path-view.ts';
import { Publishing } from './publishing.ts';
import { Rates } from './rates.ts';
import { sentenceOf } from './reasons.ts';
import { Requesting } from './requesting.ts';
import { Subscriptions } from './subscriptions.ts';
import { bindThemeButton } from './theme.ts';
import { Timeline } from './timeline.ts';

/*
 * The demo page, joined. Everything a visitor sees comes from one of the parts; this file only carries events
 * between them:
 *
 *   Connection ─▶ state ─▶ PathView, the forms        Subscriptions ─▶ messages ─▶ MessageList, Rates
 *              └▶ socket ends ─▶ Timeline ◀─ log lines of the gateway ◀─ the dev server
 */

const ROUND_TRIP_INTERVAL_MS = 2_000;

bindThemeButton();
const path = new PathView();
const timeline = new Timeline();
const rates = new Rates();
const messages = new MessageList();
const url = element('url', HTMLInputElement);

const complain = (text: string): void => timeline.note('Note', text);

const subscriptions = new Subscriptions((message) => {
  rates.count(message.data.length);
  messages.add(message);
  path.travelled('to_client');
}, complain);
const publishing = new Publishing({
  nats: () => connection.nats,
  onPublished: () => path.travelled('to_upstream'),
  onError: complain,
});
const requesting = new Requesting(() => path.travelled('to_upstream'));

const connection = new Connection({
  onState: showState,
  onSession: (nats, info) => {
    path.server(info);
    subscriptions.use(nats);
    requesting.use(nats);
    const limit = info?.max_payload === undefined ? '' : `, messages up to ${byteSize(info.max_payload)}`;
    timeline.opened(`nats-server ${info?.version}${info?.jetstream ? ' with JetStream' : ''}${limit}.`);
    hideNotice();
    void measureRoundTrip();
  },
  onSocketEnd: (end) => timeline.ended(end),
  onError: (text) => timeline.note('nats-server says', text),
});

element('connect-form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (document.body.dataset['state'] === 'closed') void connect();
  else void connection.disconnect();
});
element('clear').addEventListener('click', () => rates.reset());

subscriptions.add('demo.>');
rates.start();
setInterval(() => void measureRoundTrip(), ROUND_TRIP_INTERVAL_MS);
await start();

async function start(): Promise<void> {
  const dev = await fetchDevConfig();
  url.value = dev?.gatewayUrl ?? `ws://${location.hostname || '127.0.0.1'}:8080`;
  if (dev !== undefined) {
    element('try').hidden = dev.allowedOrigin !== location.origin;
    element('allowed-origin').textContent = dev.allowedOrigin;
    element('wrong-origin', HTMLAnchorElement).href = dev.refusedUrl;
    if (dev.adminUrl !== undefined) {
      element('admin-link', HTMLAnchorElement).href = dev.adminUrl;
      element('admin-link').hidden = false;
    }
    followDevServer({
      onLog: (line) => {
        showLogLine(line);
        const refusal = timeline.explain(line);
        if (refusal?.outcome.startsWith('origin_')) explainOrigin(refusal.outcome, dev.allowedOrigin);
      },
      onServerRunning: (running) => path.serverRunning(running),
      onReachable: (reachable) => {
        if (!reachable) element('server-controls').hidden = true;
      },
    });
    bindServerButton('stop');
    bindServerButton('start');
  }
  await connect();
}

async function connect(): Promise<void> {
  path.gateway(url.value);
  await connection.connect(url.value);
}

function showState(state: ConnectionState, detail?: string): void {
  path.state(state);
  const button = element('connect', HTMLButtonElement);
  button.textContent = state === 'closed' ? 'Connect' : 'Disconnect';
  button.classList.toggle('primary', state === 'closed');
  url.readOnly = state !== 'closed';
  publishing.enable(state === 'open');
  requesting.enable(state === 'open');
  if (state === 'closed') {
    subscriptions.use(undefined);
    requesting.use(undefined);
    if (detail !== undefined) element('status').title = detail;
  }
}

async function measureRoundTrip(): Promise<void> {
  if (document.hidden || document.body.dataset['state'] !== 'open') return;
  try {
    path.roundTrip(await connection.nats?.rtt());
  } catch {
    path.roundTrip(undefined); // the connection went away meanwhile; its end is told elsewhere
  }
}

function bindServerButton(action: 'stop' | 'start'): void {
  const button = element(`server-${action}`, HTMLButtonElement);
  let isBusy = false;
  button.addEventListener('click', () => {
    // Not disabled meanwhile: that would take the keyboard's focus away.
    if (isBusy) return;
    isBusy = true;
    actOnServer(action)
      .catch((error: unknown) => complain(error instanceof Error ? error.message : String(error)))
      .finally(() => {
        isBusy = false;
      });
  });
}

function explainOrigin(outcome: string, allowedOrigin: string): void {
  const back = make('a', '', `Open it as ${allowedOrigin}`);
  back.href = allowedOrigin;
  const notice = element('notice');
  notice.replaceChildren(
    make('b', '', 'The gateway refused this page.'),
    ` Its origin is ${location.origin}, and only ${allowedOrigin} is on the list. `,
    make('code', '', `403 ${outcome}`),
    ` ${sentenceOf(outcome) ?? ''} `,
    back,
  );
  notice.hidden = false;
}

function hideNotice(): void {
  element('notice').hidden = true;
}
