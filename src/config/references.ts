/** Reads the files that the configuration names, so that a wrong one is found at start and has a position. */
import { digestOf, type FileBytes, type FileReader, resolveFrom, unreadable } from './files.ts';
import type { Path } from './path.ts';
import type { Report } from './problems.ts';
import { checkAt } from './relations.ts';
import type { Values } from './schema.ts';
import type { Files } from './sections/check.ts';
import { settingKey } from './settings.ts';
import type { Written } from './written.ts';

const READABLE_BY_GROUP = 0o040;
const READABLE_BY_ALL = 0o004;

export type FileSource = {
  /** Where names start. */
  readonly configFile: string | undefined;
  /** Groups of the process: a secret that one of them may read is not open to others. */
  readonly ownGroups: readonly number[];
  readonly reader: FileReader;
};

/** For the part of the configuration `below` this path. */
export function filesAt(
  below: Path,
  values: Values,
  written: Written,
  { configFile, ownGroups, reader }: FileSource,
  report: Report,
): Files {
  const { problem, warning } = checkAt(below, written, report);
  const resolve = (name: string): string => resolveFrom(configFile, name);
  return {
    problem,
    warning,
    resolve,
    async read(path, name, mostBytes, secret = false) {
      if (name === undefined) return undefined;
      const file = await reader.read(resolve(name), mostBytes);
      // Being listed is what makes a file be watched: a file that is read here is reloaded by itself.
      const key = settingKey([...below, ...path], values);
      report.files.push({ path: resolve(name), key, mostBytes, digest: digestOf(file) });
      if (!file.ok) {
        problem('unreadable', path, unreadable(file));
        return undefined;
      }
      if (secret && isOpen(file, ownGroups)) {
        const mode = file.mode.toString(8).padStart(4, '0');
        warning('secret_is_open', path, `others may read this secret (mode ${mode}); set mode 0400`);
      }
      return file.bytes;
    },
  };
}

/** A group of the process's own does not count: with fsGroup the kubelet gives secrets to the pod's group, mode 0440. */
const isOpen = (
  { mode, group }: Extract<FileBytes, { readonly ok: true }>,
  ownGroups: readonly number[],
): boolean =>
  (mode & READABLE_BY_ALL) !== 0 || ((mode & READABLE_BY_GROUP) !== 0 && !ownGroups.includes(group));
