/** The running configuration and how another one takes its place: whole, or not at all. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import type { Config } from './config.ts';
import { FileReader, type FileSeen, type Hung, isOther, seenNow, unreadable } from './files.ts';
import type { LoadedConfig, ValidConfig } from './load.ts';
import { formatProblem } from './problems.ts';
import {
  logReport,
  NO_RELOADS,
  type ReloadOutcome,
  type ReloadReport,
  type ReloadTrigger,
} from './reload-report.ts';
import { type Running, renewed } from './renewal.ts';
import { needRestart, runnable } from './restart.ts';
import { type Change, changesBetween, type Settings } from './settings.ts';

export type ReloaderOptions = {
  /** The configuration that runs. */
  readonly loaded: ValidConfig;
  /** Reads it again. Never throws. */
  readonly read: () => Promise<LoadedConfig>;
  /** Makes a configuration the running one, or throws with what is wrong and changes nothing. */
  readonly apply: (config: Config) => Promise<Applied>;
  readonly log: Log;
  /** All files are read by it; without, by one of its own. */
  readonly reader?: FileReader | undefined;
  /** How often contents are compared. */
  readonly lookMs?: number | undefined;
};

/**
 * How often contents are compared. Reading six small files costs 2 ms of CPU. Events (fs.watch) would be quicker, but
 * no file system in a network has them, and asking for them stops the whole process while a mount hangs.
 */
const LOOK_MS = 2000;
/** Several files can change in one update. The update is over when nothing has changed for this long. */
const QUIET_MS = 100;
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
  #running: Running;
  /** As last looked into, whether that was refused or not. */
  #seen: readonly FileSeen[];
  /** The same files in the look before this one. */
  #before: readonly FileSeen[];
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
    this.#running = { config, settings: settings(), files };
    this.#seen = files;
    this.#before = files;
    this.#outcomes = { ...NO_RELOADS };
    this.#reader = options.reader ?? new FileReader();
  }

  /** Begins to watch; resolves when what changed since the configuration was read has been seen to. */
  async start(): Promise<void> {
    if (isOther(this.#seen, await seenNow(this.#seen, this.#reader))) await this.reload('files');
    void this.#watch();
  }

  close(): void {
    this.#closed = true;
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

  /** Seconds since the epoch; the start counts. */
  get lastSuccessSeconds(): number {
    return this.#lastSuccessSeconds;
  }

  /** What runs, by the keys of the file. */
  get settings(): Settings {
    return this.#running.settings;
  }

  get last(): ReloadReport | undefined {
    return this.#last;
  }

  /** What the configuration asks for and only a restart brings. A refused reload changes nothing of it. */
  get restartNeeded(): readonly Change[] {
    return this.#waiting;
  }

  async #watch(): Promise<void> {
    const { lookMs = LOOK_MS } = this.#options;
    while (!this.#closed) {
      const isChanging = isOther(this.#seen, this.#before);
      // Holds no process alive.
      await sleep(isChanging ? Math.min(lookMs, QUIET_MS) : lookMs, undefined, { ref: false });
      if (await this.#isNews()) await this.reload('files');
    }
  }

  /** Whether the files have another content than what was last looked into, and two looks have found the same. */
  async #isNews(): Promise<boolean> {
    // What is under way reads what is there now; only what differs from that is news.
    await this.#busy;
    // While a file hangs nothing is known, and that was reported.
    if (this.#closed || this.#reader.hung !== undefined) return false;
    if (this.#wasHung) return true;
    const now = await seenNow(this.#seen, this.#reader);
    // Of a file that hangs no later look says more.
    const isSettled = this.#reader.hung !== undefined || !isOther(now, this.#before);
    this.#before = now;
    return isSettled && isOther(this.#seen, now) && !this.#closed;
  }

  async #reload(trigger: ReloadTrigger): Promise<ReloadReport> {
    const startMs = performance.now();
    let attempt: Attempt;
    for (let tries = 1; ; tries++) {
      attempt = await this.#attempt().catch((error: unknown) => this.#faulted(error));
      this.#wasHung = this.#reader.hung !== undefined;
      if (attempt.outcome !== 'refused' || tries === MAX_TRIES || this.#wasHung) break;
      if (!isOther(this.#seen, await seenNow(this.#seen, this.#reader))) break;
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
      // A broken configuration perhaps names no files, so the files of the running one are still watched.
      const others = running.files.filter(({ path }) => !loaded.files.some((file) => file.path === path));
      this.#seen = [...loaded.files, ...(await seenNow(others, this.#reader))];
      const problems = loaded.problems.map(formatProblem);
      return { ...this.#refused(problems), changes: await this.#renewCertificates(), warnings };
    }
    this.#seen = loaded.files;
    const settings = loaded.settings();
    const changes = changesBetween(running.settings, settings);
    const waiting = needRestart(changes, running.settings, settings);
    const applied = changes.filter((change) => !waiting.includes(change));
    const config = runnable(loaded.config, running.config, waiting);
    let came: Applied = {};
    try {
      if (applied.length > 0) came = await this.#options.apply(config);
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
    return { outcome, changes: applied, restartNeeded: waiting, ...came, problems: [], warnings };
  }

  async #renewCertificates(): Promise<readonly Change[]> {
    const next = await renewed(this.#running, this.#reader);
    const changes = changesBetween(this.#running.settings, next.settings);
    if (changes.length === 0) return [];
    try {
      await this.#options.apply(next.config);
    } catch {
      // What runs stays. The report says already that something is wrong.
      return [];
    }
    this.#running = next;
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

/** What came of a configuration that runs now. */
export type Applied = Pick<ReloadReport, 'sessionsWithOldPolicy'>;
type Attempt = Omit<ReloadReport, 'trigger' | 'at' | 'seconds'>;
