import type { RouteConfig } from '../config/config.ts';
import { foreignText } from '../log.ts';
import type { ServerInfo } from '../nats/info.ts';

const SHOWN_URLS = 4;

/** Warns of what a server's INFO announces and this configuration does not go with: once until it is another one. */
export class AnnouncedWarnings {
  readonly #warn: (fields: object, text: string) => void;
  readonly #told = new Set<'connect_urls' | 'max_payload'>();

  constructor(warn: (fields: object, text: string) => void) {
    this.#warn = warn;
  }

  /** For each session that begins. */
  check({ connectUrls, maxPayload = 0 }: ServerInfo, { inspect, limits }: RouteConfig): void {
    // Only `enforce` can change INFO: who has that and keeps the addresses means it.
    if (inspect !== 'enforce' && connectUrls.length > 0 && this.#isFirst('connect_urls'))
      this.#warn(
        { announced: connectUrls.slice(0, SHOWN_URLS).map((url) => foreignText(url)) },
        `nats-server announces addresses of its cluster, and browsers will try to reconnect there, past this gateway; write "info:" and below it "  connectUrls: drop"${inspect === 'off' ? '' : ', and "inspect: enforce"'}`,
      );
    // A frame holds the line of the message too.
    if (maxPayload >= limits.maxFrameBytes && this.#isFirst('max_payload'))
      this.#warn(
        { maxPayload, frameBytes: limits.maxFrameBytes },
        'nats-server takes larger messages (max_payload) than this gateway lets through in one frame, and ends sessions that send them; set limits.frameBytes above max_payload',
      );
  }

  /** Another configuration runs. */
  forget(): void {
    this.#told.clear();
  }

  #isFirst(kind: 'connect_urls' | 'max_payload'): boolean {
    if (this.#told.has(kind)) return false;
    this.#told.add(kind);
    return true;
  }
}
