import type { Target } from '../load/client.ts';

/** What is measured: a program in a process of its own, between generator and upstream. */
export type Subject = Target & {
  readonly pid: number;
  /** All its processes, by now. */
  pids(): readonly number[];
  /** SIGWINCH makes it collect its garbage. */
  readonly collects: boolean;
  stop(): Promise<void>;
};

export type StartOptions = {
  readonly upstreamPort: number;
  /** Files of the server's certificate and key; undefined: plain TCP. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Memory will be measured. */
  readonly exactMemory?: boolean;
};

export type SubjectKind = {
  readonly name: string;
  /** Version, or undefined when it is not installed. */
  version(): Promise<string | undefined>;
  readonly canTls: boolean;
  /** A real server: what it reads it understands, and it needs no upstream. */
  readonly isServer?: boolean;
  /** It reads NATS: for work whose bytes are such. */
  readonly inspects?: boolean;
  /** Of the header block that it gives each message without one. */
  readonly stampBytes?: number;
  /** Part of the fixed work that it gets, by the work's name, where all of it would take minutes. */
  readonly shares?: Readonly<Record<string, number>>;
  /** A process for each session: not for work with many of them. */
  readonly forks?: boolean;
  start(options: StartOptions): Promise<Subject>;
};
