import type { AdminSource } from './admin/admin-server.ts';
import type { TriedRequest } from './admin/api/handshake-trial.ts';
import type { PolicyQuestion } from './admin/api/policy-test.ts';
import type { MetricsText } from './admin/metrics-page.ts';
import type { Kicked } from './auth/kicked.ts';
import { CaptureControl } from './capture-control.ts';
import type { ListenAddress } from './config/config.ts';
import type { Reloader } from './config/reload.ts';
import type { ReloadReport } from './config/reload-report.ts';
import { routesOf } from './config/routes.ts';
import { type RunningConfiguration, runningConfiguration } from './config/running-configuration.ts';
import { type KickReport, kickSession, kickUser } from './kick.ts';
import type { Log, LogConfig } from './log.ts';
import type { SessionOpener } from './open-session.ts';
import type { Parts } from './parts.ts';
import type { Runtime } from './runtime.ts';
import type { Status } from './status.ts';
import { type PolicyTest, testPolicy } from './test-policy.ts';
import { type HandshakeTrial, tryHandshake } from './try-handshake.ts';
import { WatchControl } from './watch-control.ts';

/** What the facade asks of the gateway, read anew at each request. */
export type GatewayFace = {
  readonly log: Log;
  readonly status: Status;
  readonly address: ListenAddress;
  readonly notReady: string | undefined;
  readonly runtime: Runtime;
  /** undefined: there is nothing to reload from. */
  readonly reloader: Reloader | undefined;
  metrics(openMetrics: boolean): Promise<MetricsText>;
};

/** The gateway as the admin port sees it: what the port shows, and what its API does. */
export class AdminFacade implements AdminSource {
  readonly #gateway: GatewayFace;
  readonly #parts: Parts;
  readonly #opener: SessionOpener;
  readonly captures: CaptureControl;
  readonly watches: WatchControl;
  readonly pageFile: AdminSource['pageFile'];

  constructor(
    gateway: GatewayFace,
    parts: Parts,
    opener: SessionOpener,
    pageFile: AdminSource['pageFile'] = async () => undefined,
  ) {
    this.#gateway = gateway;
    this.#parts = parts;
    this.#opener = opener;
    this.captures = new CaptureControl(parts, () => gateway.runtime.config);
    this.watches = new WatchControl(parts);
    this.pageFile = pageFile;
  }

  get log(): Log {
    return this.#gateway.log;
  }

  get status(): Status {
    return this.#gateway.status;
  }

  get notReady(): string | undefined {
    return this.#gateway.notReady;
  }

  get logConfig(): LogConfig {
    return this.#gateway.runtime.config.log;
  }

  metrics(openMetrics: boolean): Promise<MetricsText> {
    return this.#gateway.metrics(openMetrics);
  }

  async reload(trigger: 'api'): Promise<ReloadReport | undefined> {
    return this.#gateway.reloader?.reload(trigger);
  }

  /** undefined: the configuration was given as an object. */
  configuration(): RunningConfiguration | undefined {
    const { reloader, runtime } = this.#gateway;
    return reloader && runningConfiguration(runtime.config, reloader.settings);
  }

  tryHandshake(asked: TriedRequest): Promise<HandshakeTrial> {
    const { address, runtime } = this.#gateway;
    return tryHandshake(asked, this.#opener, runtime, address.port);
  }

  testPolicy(question: PolicyQuestion): PolicyTest {
    return testPolicy(question, this.#gateway.runtime.config);
  }

  get asksWho(): boolean {
    return routesOf(this.#gateway.runtime.config).some(({ auth }) => auth !== undefined);
  }

  kickSession(id: number): KickReport | undefined {
    return kickSession(id, this.#parts);
  }

  kickUser(who: Kicked, forMs: number): Promise<KickReport | undefined> {
    return kickUser(who, forMs, this.#parts);
  }
}
