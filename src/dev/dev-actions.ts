import type { EventStream } from '../private-http/event-stream.ts';
import type { DevAction } from './dev-page.ts';
import { flood } from './flood.ts';
import { guardedUrl } from './guarded-route.ts';
import { sendHugeFrame } from './huge-frame.ts';
import { type Latency, measureLatency } from './latency.ts';
import type { RunningNatsServer } from './nats-process.ts';
import { rawUpgrade } from './raw-upgrade.ts';

export type DevActionsOptions = {
  readonly natsServer: RunningNatsServer;
  readonly events: EventStream;
  /** Of the page, which the gateway lets in. */
  readonly origin: string;
  readonly gatewayUrl: string;
  /** Ends the gateway in order, and starts it again on its ports. */
  drain(): Promise<void>;
};

/** Longer than the gateway waits for the INFO of a server. */
const FROZEN_MS = 7_000;
const STRANGER = 'https://stranger.example';
const FLOOD_SUBJECT = 'flood';

/** What the page can ask of `natsgate dev`: mostly to break something that no page can break. */
export class DevActions {
  readonly #options: DevActionsOptions;
  /** One measurement at a time; who asks meanwhile gets the same. */
  #measuring: Promise<Latency> | undefined;

  constructor(options: DevActionsOptions) {
    this.#options = options;
  }

  /** Gives what the page gets as JSON. @throws an error whose message is for the page. */
  async act(action: DevAction): Promise<unknown> {
    const { natsServer, gatewayUrl, origin, drain } = this.#options;
    switch (action) {
      case 'start':
        if (!natsServer.running) await natsServer.restart();
        return this.follow();
      case 'stop':
        await natsServer.stop();
        return this.follow();
      case 'restart':
        await natsServer.restart();
        return this.follow();
      case 'freeze':
        return natsServer.freeze(FROZEN_MS);
      case 'drain':
        return drain();
      case 'stranger': {
        const { status, ...rest } = await rawUpgrade(gatewayUrl, STRANGER);
        rest.socket?.destroy();
        return { origin: STRANGER, status, body: 'body' in rest ? rest.body : '' };
      }
      case 'huge':
        return sendHugeFrame(gatewayUrl, origin);
      case 'flood':
        return flood(natsServer.port, FLOOD_SUBJECT);
      case 'login':
        return { url: guardedUrl(gatewayUrl) };
      case 'latency':
        this.#measuring ??= measureLatency(natsServer.port, gatewayUrl, origin).finally(
          () => (this.#measuring = undefined),
        );
        return this.#measuring;
    }
  }

  /** Tells the pages whether the server runs, now and when its process ends by itself. */
  follow(): void {
    const { natsServer, events } = this.#options;
    const tell = () => events.state('nats', { running: natsServer.running });
    tell();
    if (natsServer.running) void natsServer.exited.then(tell);
  }
}
