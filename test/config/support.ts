import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../src/config/config.ts';
import { type ConfigSource, loadConfig } from '../../src/config/load.ts';
import { formatProblem, type Problem } from '../../src/config/problems.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A file that is right but for what a test adds. */
export const REQUIRED = 'origins: https://app.example.com\nupstream: nats://nats:4222\n';

export type Outcome = {
  readonly config: Config | undefined;
  /** `code line:column key`, or with a flag or variable in the place of line and column. */
  readonly problems: string[];
  readonly warnings: string[];
  /** The problems as a person reads them. */
  readonly lines: string[];
  /** All that a person would read. */
  readonly text: string[];
};

/** Loads `content` as gateway.yaml in a folder of its own; messages come without that folder's name. */
export async function load(
  content: string | Uint8Array | undefined,
  { flags = {}, env = {}, files = {} }: Partial<ConfigSource> & { files?: Record<string, string> } = {},
): Promise<Outcome> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'gateway.yaml');
  if (content !== undefined) await writeFile(file, content);
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder.path, name), text, { mode: 0o400 });
  }
  const loaded = await loadConfig({ ...(content === undefined ? {} : { file }), flags, env });
  const bare = (text: string): string => text.replaceAll(`${folder.path}/`, '');
  const short = ({ code, where, key }: Problem): string =>
    `${code} ${bare(where).replace(/^gateway\.yaml:/, '')} ${key}`;
  const problems = loaded.ok ? [] : loaded.problems;
  return {
    config: loaded.ok ? loaded.config : undefined,
    problems: problems.map(short),
    warnings: loaded.warnings.map(short),
    lines: problems.map((problem) => bare(formatProblem(problem))),
    text: [...problems, ...loaded.warnings].map((problem) => bare(formatProblem(problem))),
  };
}
