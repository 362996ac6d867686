import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../src/config/config.ts';
import { type ConfigChecks, type ConfigSource, formatProblem, loadConfig } from '../../src/config/load.ts';
import { readSeed } from '../../src/nats/nkey.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Stands in for the origin rules of the listener; strict enough for the configuration's own cases. */
export const checks: ConfigChecks = {
  proxySeed: readSeed,
  origin(entry) {
    if (entry === '*') return { warning: 'every page of the world may connect; write exact origins' };
    if (entry === 'self') return {};
    const match = /^https?:\/\/(\*\.)?((?:[\w-]+\.)*[\w-]+)(:[1-9]\d*)?$/.exec(entry);
    if (match === null) return { problem: `${entry} is not an origin; write https://app.example.com` };
    const covers = match[1] !== undefined && !match[2]?.includes('.');
    return covers ? { problem: `${entry} covers too much; write two labels behind *.` } : {};
  },
};

/** A file that is right but for what a test adds. */
export const REQUIRED = 'origins: https://app.example.com\nupstream: nats://nats:4222\n';

export type Outcome = {
  readonly config: Config | undefined;
  readonly lines: string[];
  readonly warnings: string[];
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
  const loaded = await loadConfig({ ...(content === undefined ? {} : { file }), flags, env }, checks);
  const bare = (text: string): string => text.replaceAll(`${folder.path}/`, '');
  return {
    config: loaded.ok ? loaded.config : undefined,
    lines: loaded.ok ? [] : loaded.problems.map((problem) => bare(formatProblem(problem))),
    warnings: loaded.warnings.map((problem) => bare(formatProblem(problem))),
  };
}
