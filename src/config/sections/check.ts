import type { Path } from '../path.ts';

/**
 * How a section says that its keys contradict each other (a problem), or do what is probably not meant (a warning).
 * Paths begin at the part of the configuration that is checked: the top, or one route. What a route inherits is
 * reported where it was written.
 */
export type Check = {
  problem(code: string, path: Path, text: string): void;
  warning(code: string, path: Path, text: string): void;
  isWritten(path: Path): boolean;
  /** The value as a message may show it. For a value from a variable that is the variable's name. */
  shown(path: Path, text: string): string;
  /** The first of two contradicting keys that was written, since that is what somebody changed; else the second. */
  written(first: Path, second: Path): Path;
};

/** How a section reads the files that it names. Paths as above; nothing of their content is ever printed. */
export type Files = Pick<Check, 'problem' | 'warning'> & {
  /** A name as it is opened: it starts at the folder of the configuration file. */
  resolve(name: string): string;
  /** undefined without a name, and where the file cannot be read, which is reported. `secret`: not for others to read. */
  read(
    path: Path,
    name: string | undefined,
    mostBytes: number,
    secret?: boolean,
  ): Promise<Buffer | undefined>;
};
