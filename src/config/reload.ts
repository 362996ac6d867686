/** The running configuration and how another one takes its place: whole, or not at all. */
import type { Log } from '../log.ts';
import type { Config, ListenConfig, ServerTls, UpstreamConfig, UpstreamTls } from './config.ts';
import { allSeenNow, FileReader, type FileSeen, fileSeen, type Hung, isOther, unreadable } from './files.ts';
import type { LoadedConfig, ValidConfig } from './load.ts';
import { formatProblem } from './problems.ts';
import {
  logReport,
  NO_RELOADS,
  type ReloadOutcome,
  type ReloadReport,
  type ReloadTrigger,
} from './reload-report.ts';
import { needRestart, runnable } from './restart.ts';
import { DEFAULT_ROUTE, routesOf } from './routes.ts';
import { type Change, changesBetween, type Settings } from './settings.ts';
import { filesOf, judgeTls, MAX_PEM_BYTES, type TlsKey } from './tls-files.ts';
import { everySoOften, haveChanged } from './watch.ts';

export type ReloaderOptions = {
  /** The configuration that runs. */
  readonly loaded: ValidConfig;
  /** Reads it again. Never throws. */
  readonly read: () => Promise<LoadedConfig>;
  /** Makes a configuration the running one, or throws with what is wrong and changes nothing. */
  readonly apply: (config: Config) => Promise<void>;
  readonly log: Log;
  /** All files are read by it; without, by one of its own. */
  readonly reader?: FileReader | undefined;
  /** How often contents are compared. */
  readonly lookMs?: number | undefined;
};

/** Files that change while they are read belong to one update more; so often it is waited for the last. */
const MAX_TRIES = 3;

/**
 * Reads the configuration again on request, and when one of its files has another content. One reload at a
 * time; requests that come meanwhile share the next, which reads everything afresh.
 */
export class Reloader {
  readonly #options: ReloaderOptions;
  readonly #outcomes: Record<ReloadOutcome, number>;
  readonly #reader: FileReader;
  #watch: { stop(): void } | undefined;
  #running: Running;
  /** As last looked into, whether that was refused or not. */
  #seen: readonly FileSeen[];
  #last: ReloadReport | undefined;
  /** What the file asks for and only a restart brings, as last read whole. */
  #waiting: readonly Change[] = [];
  #lastSuccessSeconds = Date.now() / 1000;
  #busy: Promise<unknown> = Promise.resolve();
  #next: { trigger: ReloadTrigger; readonly report: Promise<ReloadReport> } | undefined;
  /** The last attempt met a file that hangs: when it comes, all is read again. */
  #wasHung = false;
  #closed = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    const { config, settings, files } = options.loaded;
    this.#running = { config, settings, files };
    this.#seen = files;
    this.#outcomes = { ...NO_RELOADS };
    this.#reader = options.reader ?? new FileReader();
  }

  /** Begins to watch; resolves when what changed since the configuration was read has been seen to. */
  async start(): Promise<void> {
    await this.#reloadIfChanged();
    if (!this.#closed) this.#watch = everySoOften(() => this.#reloadIfChanged(), this.#options.lookMs);
  }

  close(): void {
    this.#closed = true;
    this.#watch?.stop();
  }

  /** Reloads by what is on the disk now. Never rejects: what went wrong is in the report and in the log. */
  reload(trigger: ReloadTrigger): Promise<ReloadReport> {
    if (this.#next === undefined) {
      const report = this.#busy.then(() => {
        const by = this.#next?.trigger ?? trigger;
        this.#next = undefined;
        return this.#reload(by);
      });
      this.#next = { trigger, report };
      this.#busy = report;
    } else if (trigger !== 'files') this.#next.trigger = trigger;
    return this.#next.report;
  }

  /** How many reloads ended how, without the start. */
  get outcomes(): Readonly<Record<ReloadOutcome, number>> {
    return this.#outcomes;
  }

  get lastSucceeded(): boolean {
    return this.#last?.outcome !== 'refused';
  }

  /** Seconds since the epoch; the start counts. */
  get lastSuccessSeconds(): number {
    return this.#lastSuccessSeconds;
  }

  get last(): ReloadReport | undefined {
    return this.#last;
  }

  /** What the configuration asks for and only a restart brings. A refused reload changes nothing of it. */
  get restartNeeded(): readonly Change[] {
    return this.#waiting;
  }

  async #reloadIfChanged(): Promise<void> {
    // What is under way reads what is there now; only what differs from that is news.
    await this.#busy;
    // While a file hangs nothing is known, and that was told.
    if (this.#closed || (this.#wasHung && this.#reader.hung !== undefined)) return;
    if (!this.#wasHung && !(await haveChanged(this.#seen, this.#reader))) return;
    if (!this.#closed) await this.reload('files');
  }

  async #reload(trigger: ReloadTrigger): Promise<ReloadReport> {
    const startMs = performance.now();
    let attempt: Attempt;
    for (let tries = 1; ; tries++) {
      attempt = await this.#attempt().catch((error: unknown) => this.#faulted(error));
      this.#wasHung = this.#reader.hung !== undefined;
      if (attempt.outcome !== 'refused' || tries === MAX_TRIES || this.#wasHung) break;
      if (!isOther(this.#seen, await allSeenNow(this.#seen, this.#reader))) break;
    }
    const seconds = Math.round(performance.now() - startMs) / 1000;
    const report = { ...attempt, trigger, at: new Date().toISOString(), seconds };
    this.#last = report;
    this.#outcomes[report.outcome]++;
    if (report.outcome !== 'refused') this.#lastSuccessSeconds = Date.now() / 1000;
    logReport(this.#options.log, report);
    return report;
  }

  async #attempt(): Promise<Attempt> {
    const { hung } = this.#reader;
    if (hung !== undefined) return this.#refused([this.#aboutHung(hung)]);
    const loaded = await this.#options.read();
    const warnings = loaded.warnings.map(formatProblem);
    const running = this.#running;
    if (!loaded.ok) {
      // A broken text may not name its files any more; those that run are watched all the same.
      const others = running.files.filter(({ path }) => !loaded.files.some((file) => file.path === path));
      this.#seen = [...loaded.files, ...(await allSeenNow(others, this.#reader))];
      const problems = loaded.problems.map(formatProblem);
      return { ...this.#refused(problems), changes: await this.#renewCertificates(), warnings };
    }
    this.#seen = loaded.files;
    const { settings } = loaded;
    const changes = changesBetween(running.settings, settings);
    const waiting = needRestart(changes, running.settings, settings);
    const applied = changes.filter((change) => !waiting.includes(change));
    const config = runnable(loaded.config, running.config, waiting);
    try {
      if (applied.length > 0) await this.#options.apply(config);
    } catch (error) {
      return { ...this.#refused([(error as Error).message]), warnings };
    }
    this.#waiting = waiting;
    const keys = new Set(waiting.map(({ key }) => key));
    const kept = [...running.settings].filter(([key]) => keys.has(key));
    this.#running = {
      config: applied.length > 0 ? config : running.config,
      settings: new Map([...settings, ...kept]),
      files: loaded.files,
    };
    const outcome = waiting.length > 0 ? 'restart_needed' : applied.length > 0 ? 'applied' : 'unchanged';
    return { outcome, changes: applied, restartNeeded: waiting, problems: [], warnings };
  }

  /**
   * While the configuration is broken, certificates still have to be renewed: their expiry would cut everybody off.
   * A pair that does not fit changes nothing here, and the report has its problem already.
   */
  async #renewCertificates(): Promise<readonly Change[]> {
    const changes: Change[] = [];
    changes.push(...(await this.#renew('listen', this.#running.config.listen, withListen)));
    for (const { name, upstream } of routesOf(this.#running.config)) {
      const isOwn = name === DEFAULT_ROUTE || upstream !== this.#running.config.upstream;
      const section = name === DEFAULT_ROUTE ? 'upstream' : `routes[${name}].upstream`;
      if (isOwn) changes.push(...(await this.#renew(section, upstream, withUpstream)));
    }
    return changes;
  }

  async #renew<Part extends { readonly tls: ServerTls | UpstreamTls | undefined }>(
    section: string,
    part: Part,
    withPart: (config: Config, from: Part, to: Part) => Config,
  ): Promise<readonly Change[]> {
    const { config, settings } = this.#running;
    const { tls } = part;
    if (tls === undefined) return [];
    const renewed = new Map(settings);
    const found: { [key in TlsKey]?: Buffer } = {};
    // As it runs: in what is broken, a key may name another file, or none.
    for (const [key, path] of filesOf(tls)) {
      const name = `${section}.tls.${key}`;
      const content = await this.#reader.read(path, MAX_PEM_BYTES);
      const setting = settings.get(name);
      if (!content.ok || setting === undefined) return [];
      const now = fileSeen(path, name, MAX_PEM_BYTES, content);
      this.#seen = [...this.#seen.filter((one) => one.path !== path), now];
      renewed.set(name, { ...setting, content: now.digest });
      found[key] = content.bytes;
    }
    const changes = changesBetween(settings, renewed);
    const material = changes.length === 0 ? undefined : judgeTls(found, tls.minVersion, SILENT);
    if (material === undefined) return [];
    const fresh = withPart(config, part, { ...part, tls: { ...tls, material: () => material } });
    try {
      await this.#options.apply(fresh);
    } catch {
      return [];
    }
    this.#running = { ...this.#running, config: fresh, settings: renewed };
    return changes;
  }

  /** A fault of ours in here must not reach the sessions. */
  #faulted(error: unknown): Attempt {
    this.#options.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'fault');
    return this.#refused(['a fault inside natsgate; its log says which']);
  }

  #refused(problems: readonly string[]): Attempt {
    return { outcome: 'refused', changes: [], restartNeeded: this.#waiting, problems, warnings: [] };
  }

  #aboutHung({ path, found }: Hung): string {
    const { key } = this.#seen.find((file) => file.path === path) ?? {};
    return `${key ?? path}: ${unreadable(found)}`;
  }
}

/** What is wrong with the files is in the report of the whole already. */
const SILENT = { problem: () => {}, warning: () => {} };

const withListen = (config: Config, _: ListenConfig, listen: ListenConfig): Config => ({ ...config, listen });

/** In each route that has this upstream. */
function withUpstream(config: Config, from: UpstreamConfig, to: UpstreamConfig): Config {
  const put = <T extends { readonly upstream: UpstreamConfig }>(one: T): T =>
    one.upstream === from ? { ...one, upstream: to } : one;
  return put({ ...config, routes: config.routes.map(put) });
}

type Running = { readonly config: Config; readonly settings: Settings; readonly files: readonly FileSeen[] };
type Attempt = Omit<ReloadReport, 'trigger' | 'at' | 'seconds'>;
