import { loadConfig } from '../../src/config/load.ts';
import { type Gateway, type GatewayOptions, startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/log.ts';
import { TimerWheel } from '../../src/timer-wheel.ts';
import { testEngine } from './config.ts';
import { LogCapture, type LogLine } from './gateway.ts';
import { MountedFolder } from './mounted-folder.ts';

/** Keys of the configuration file. */
export type Settings = Readonly<Record<string, unknown>>;
type Files = Readonly<Record<string, string>>;

/** For tests that wait for the gateway to look by itself, and not for how long that takes. */
export const LOOKING = { lookMs: 20 } as const;

/** A gateway in this process that reads its configuration from a folder as Kubernetes mounts it. */
export class ReloadableGateway implements AsyncDisposable {
  readonly gateway: Gateway;
  readonly log: LogCapture;
  readonly timerWheel: TimerWheel;
  readonly folder: MountedFolder;
  readonly #base: Settings;

  private constructor(
    gateway: Gateway,
    log: LogCapture,
    wheel: TimerWheel,
    folder: MountedFolder,
    base: Settings,
  ) {
    this.gateway = gateway;
    this.log = log;
    this.timerWheel = wheel;
    this.folder = folder;
    this.#base = base;
  }

  static async start(
    upstreamPort: number,
    settings: Settings = {},
    files: Files = {},
    { lookMs, ...options }: Partial<GatewayOptions> & { readonly lookMs?: number } = {},
    env: Readonly<Record<string, string>> = {},
  ): Promise<ReloadableGateway> {
    const base = {
      listen: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      origins: 'https://app.example.com',
      upstream: `nats://127.0.0.1:${upstreamPort}`,
      engine: testEngine(),
      limits: { sessions: 2000, handshakesPerSecond: 100_000 },
    };
    const folder = await MountedFolder.create({ ...files, 'natsgate.yaml': text({ ...base, ...settings }) });
    const source = { file: folder.file('natsgate.yaml'), flags: {}, env };
    const read = () => loadConfig(source);
    const loaded = await read();
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const log = new LogCapture();
    const timerWheel = new TimerWheel();
    const gateway = await startGateway(loaded.config, {
      log: createLog(loaded.config.log, log),
      timerWheel,
      source: { loaded, read, lookMs },
      ...options,
    });
    return new ReloadableGateway(gateway, log, timerWheel, folder, base);
  }

  get port(): number {
    return this.gateway.address.port;
  }

  get adminPort(): number {
    return this.gateway.adminAddress.port;
  }

  /** Puts another configuration in place, beside these files; nothing is told to the gateway. */
  async write(settings: Settings, files: Files = {}): Promise<void> {
    await this.folder.swap({ ...files, 'natsgate.yaml': text({ ...this.#base, ...settings }) });
  }

  /** The same for a text that may be broken. */
  async writeText(yaml: string, files: Files = {}): Promise<void> {
    await this.folder.swap({ ...files, 'natsgate.yaml': yaml });
  }

  /** Lines about configurations so far. */
  get reports(): readonly LogLine[] {
    return this.log.lines.filter(({ message }) => message.startsWith('configuration '));
  }

  /** The report number `index`, when it has come. */
  async report(index: number): Promise<LogLine> {
    await this.log.find(() => this.reports.length > index);
    return this.reports[index]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.stop();
    await this.folder[Symbol.asyncDispose]();
  }
}

// JSON is YAML.
const text = (settings: Settings): string => JSON.stringify(settings, undefined, 1);
