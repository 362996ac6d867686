/// <reference lib="esnext.disposable" preserve="true" />
import { readMemory } from './cgroup.ts';
import type { Configuration } from './config/configuration.ts';
import { FileReader } from './config/files.ts';
import { type ConfigSource, loadConfig } from './config/load.ts';
import { formatProblem } from './config/problems.ts';
import { readDescriptorLimit } from './descriptor-limit.ts';
import { startGateway as start } from './gateway.ts';
import { createLog } from './log.ts';
import { pageFile, version } from './package-files.ts';

export type { Configuration };

export interface StartOptions {
  /**
   * Gets each line of the log with its line end, such as `process.stdout`; without it nothing is logged. Lines are JSON,
   * unless `log.format` is `text`.
   */
  readonly log?: { write(line: string): unknown };
  /** For `${NAME}` in the configuration, and for variables such as `NATSGATE_UPSTREAM`. Default: none; not the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface RunningGateway {
  /** Where clients connect. In place of port 0 it has the port that the system chose. */
  readonly address: Address;
  /** Where `/metrics`, `/readyz`, the API and the status page are. */
  readonly adminAddress: Address;
  /** Sessions that are open now. */
  readonly sessions: number;
  /**
   * Ends in order, as SIGTERM does for the program: `/readyz` says no at once, new sessions are let in for `drain.delay`,
   * then all are closed over `drain.timeout`. Resolves when both ports are closed; every call means the same drain.
   */
  drain(): Promise<void>;
  /** Cuts every session and closes both ports, also during a drain. Safe to call at any time, and again. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ConfigurationProblem {
  /** Stable name of the kind of problem, such as `unknown_key`. */
  readonly code: string;
  /** `file:line:column`; of a configuration that is an object, empty. */
  readonly where: string;
  /** Path of the key, such as `upstream.connectTimeout`. */
  readonly key: string;
  /** What is wrong, and what to write. */
  readonly text: string;
}

/** The configuration is wrong; the message has a line for each problem. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly ConfigurationProblem[];

  constructor(problems: readonly ConfigurationProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/**
 * Starts a gateway in this process; resolves when both of its ports listen. `configuration`: an object with the keys of
 * the configuration file, or the name of such a file. Files that it names are relative to it, or to the working folder.
 * A file that changes is read again, and so are the certificates and secrets that a configuration names.
 *
 * It takes no signal, writes to no stream but `log`, and does not end the process. Each gateway has an admin port, so
 * a second one in a process needs another `admin`.
 *
 * @throws ConfigurationError; an error of the system, such as EADDRINUSE. Nothing is left open then.
 */
export async function startGateway(
  configuration: Configuration | string,
  { log: destination, env = {} }: StartOptions = {},
): Promise<RunningGateway> {
  const reader = new FileReader();
  const from =
    typeof configuration === 'string' ? { file: configuration } : { text: JSON.stringify(configuration) };
  const source: ConfigSource = { ...from, flags: {}, env, reader };
  const loaded = await loadConfig(source);
  if (!loaded.ok) {
    const isFile = 'file' in from;
    throw new ConfigurationError(
      isFile ? loaded.problems : loaded.problems.map((one) => ({ ...one, where: '' })),
    );
  }
  const log = createLog(loaded.config.log, { write: (line) => void destination?.write(line) });
  const gateway = await start(loaded.config, {
    log,
    fileDescriptorLimit: await readDescriptorLimit(),
    readMemory,
    pageFile: pageFile(reader),
    version: await version(reader),
    firstDial: true,
    source: { loaded, read: () => loadConfig(source), reader },
  });
  for (const { key, text } of loaded.warnings) log.warn({ key }, text);
  return {
    get address() {
      return gateway.address;
    },
    get adminAddress() {
      return gateway.adminAddress;
    },
    get sessions() {
      return gateway.sessionCount;
    },
    drain: () => gateway.drain(),
    close: () => gateway.stop(),
    [Symbol.asyncDispose]: () => gateway.stop(),
  };
}
