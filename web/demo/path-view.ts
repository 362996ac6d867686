import type { ServerInfo } from '@nats-io/nats-core';
import { element } from '../shared/dom.ts';
import { visible } from '../shared/visible.ts';
import type { ConnectionState } from './connection.ts';
import { roundTripText } from './round-trip.ts';

/** One dot a direction in this time, however much travels. */
const DOT_INTERVAL_MS = 150;
const DOT_TRAVEL_MS = 420;

export type Direction = 'to_upstream' | 'to_client';

const STATUS: Readonly<Record<ConnectionState, string>> = {
  closed: 'Not connected',
  connecting: 'Connecting …',
  open: 'Connected',
  reconnecting: 'Reconnecting …',
};

/** The drawing of page, gateway and server: what is connected, and the traffic as travelling dots. */
export class PathView {
  readonly #lastDotMs: Record<Direction, number> = { to_upstream: 0, to_client: 0 };
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)');
  readonly #upright = matchMedia('(max-width: 760px)');

  constructor() {
    element('page-origin').textContent = location.origin;
  }

  state(state: ConnectionState): void {
    document.body.dataset['state'] = state;
    element('status').textContent = STATUS[state];
    if (state === 'open') this.failed(undefined);
    if (state !== 'open') {
      element('client-id').textContent = '–';
      this.roundTrip(undefined);
    }
  }

  /** Where the last attempt failed: on the way to the gateway, or behind it. */
  failed(link: 'websocket' | 'tcp' | undefined): void {
    if (link === undefined) delete document.body.dataset['failed'];
    else document.body.dataset['failed'] = link;
  }

  gateway(url: string): void {
    const address = element('gateway-address');
    address.textContent = visible(url);
    address.title = visible(url);
    this.failed(undefined);
  }

  server(info: ServerInfo | undefined): void {
    element('server-version').textContent = visible(info?.version ?? '');
    element('server-name').textContent = visible(info?.server_name ?? '–');
    element('server-name').title = visible(info?.server_name ?? '');
    element('client-id').textContent = info?.client_id === undefined ? '–' : String(info.client_id);
  }

  /** The dev server is gone, and all that it ran. */
  devEnded(): void {
    element('status').textContent = 'natsgate dev has ended';
    this.failed('websocket');
    element('server-controls').hidden = true;
    element('admin-link').hidden = true;
    element('server-stopped').hidden = false;
    document.body.dataset['server'] = 'stopped';
  }

  serverRunning(running: boolean): void {
    document.body.dataset['server'] = running ? 'running' : 'stopped';
    element('server-controls').hidden = false;
    element('server-stopped').hidden = running;
    const [stop, start] = [
      element('server-stop', HTMLButtonElement),
      element('server-start', HTMLButtonElement),
    ];
    const [shown, gone] = running ? [stop, start] : [start, stop];
    const hadFocus = document.activeElement === gone;
    shown.hidden = false;
    gone.hidden = true;
    if (hadFocus) shown.focus();
  }

  roundTrip(milliseconds: number | undefined): void {
    element('round-trip').textContent = milliseconds === undefined ? '–' : roundTripText(milliseconds);
  }

  travelled(direction: Direction): void {
    const now = performance.now();
    if (this.#calm.matches || document.hidden || now - this.#lastDotMs[direction] < DOT_INTERVAL_MS) return;
    this.#lastDotMs[direction] = now;
    const order =
      direction === 'to_upstream' ? ['link-websocket', 'link-tcp'] : ['link-tcp', 'link-websocket'];
    order.forEach((id, index) => {
      this.#dot(element(id), direction, index * DOT_TRAVEL_MS);
    });
  }

  #dot(link: HTMLElement, direction: Direction, delay: number): void {
    const dot = document.createElement('span');
    dot.className = `travelling ${direction}`;
    link.append(dot);
    const side = this.#upright.matches ? 'top' : 'left';
    const ends = direction === 'to_upstream' ? ['0%', '100%'] : ['100%', '0%'];
    const travel = dot.animate(
      { [side]: ends, opacity: [0, 1, 1, 0] },
      { duration: DOT_TRAVEL_MS, delay, easing: 'ease-in-out', fill: 'both' },
    );
    travel.onfinish = () => dot.remove();
  }
}
