/**
 * From what was written to one checked configuration, or to everything that is wrong with it.
 *
 *   file ─▶ document ─▶ + flags, variables ─▶ + inheritance ─▶ every value ─▶ relations ─▶ files ─▶ Config
 *               └──────────────┴──────────────────┴────────────────┴────────────┴──────────┴──▶ Report
 *
 * Each stage reports all that it finds; the next one begins only when there was nothing.
 */
import type { Config } from './config.ts';
import { readDocument } from './document.ts';
import { configText, digestOf, FileReader, type FileSeen, MAX_CONFIG_BYTES } from './files.ts';
import { makeConfig } from './make.ts';
import { applyOverrides, type ConfigFlags, setVariable, unknownVariables } from './overrides.ts';
import { AFTER_FILE, type Problem, Report, WHOLE_FILE } from './problems.ts';
import { filesAt } from './references.ts';
import { checkRelations } from './relations.ts';
import { isInherited } from './routes.ts';
import { type Settings, settingsOf } from './settings.ts';
import { plain } from './text.ts';
import { readValues } from './validate.ts';
import { Written } from './written.ts';

/** What is needed of the process; nothing in this folder looks at the process itself. */
export type ConfigSource = {
  /** From --config; otherwise NATSGATE_CONFIG names the file, and without either there is none. */
  readonly file?: string;
  /** A whole configuration, YAML or JSON, in place of a file. */
  readonly text?: string;
  readonly flags: ConfigFlags;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Groups of the process: a secret that one of them may read is not open to others. */
  readonly groups?: readonly number[];
  /** Reads all files; one for the whole life of the process. */
  readonly reader?: FileReader;
};

export type LoadedConfig = ValidConfig | RefusedConfig;

export type ValidConfig = {
  readonly ok: true;
  readonly config: Config;
  /** The same by the keys of the file, to say later what has changed; made when it is asked for. */
  readonly settings: () => Settings;
  readonly warnings: readonly Problem[];
  /** All files that were read. */
  readonly files: readonly FileSeen[];
};

export type RefusedConfig = {
  readonly ok: false;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly files: readonly FileSeen[];
};

/** Reads file, flags and variables (and the files they name). Bad input of any kind is an answer, never a throw. */
export async function loadConfig(source: ConfigSource): Promise<LoadedConfig> {
  const report = new Report();
  const valid = await load(source, report);
  const { problems, warnings, files } = report;
  return valid === undefined
    ? { ok: false, problems, warnings, files }
    : { ok: true, ...valid, warnings, files };
}

async function load(
  source: ConfigSource,
  report: Report,
): Promise<Pick<ValidConfig, 'config' | 'settings'> | undefined> {
  const { groups = [], reader = new FileReader() } = source;
  const { text } = source;
  const file = text === undefined ? (source.file ?? setVariable(source.env, 'NATSGATE_CONFIG')) : undefined;
  let written: Written | undefined;
  if (text !== undefined) written = readDocument('configuration', text, source.env, report);
  else written = file === undefined ? new Written() : await readFile(file, source, reader, report);
  if (written === undefined) return undefined;
  applyOverrides(written, source.flags, source.env);
  for (const [name, text] of unknownVariables(source.env, written.variables))
    report.warning('unknown_variable', { where: plain(name), order: AFTER_FILE }, WHOLE_FILE, text);
  const values = readValues(written, report);
  if (values === undefined || report.failed) return undefined;
  checkRelations(values, written, report);
  if (report.failed) return undefined;
  const from = { configFile: file, ownGroups: groups, reader };
  const config = await makeConfig(
    values,
    (route, section) => isInherited(written, ['routes', route, section]),
    (below) => filesAt(below, values, written, from, report),
  );
  return report.failed ? undefined : { config, settings: () => settingsOf(values, written, report.files) };
}

/** undefined: there is nothing to go on with, and the report says why. */
async function readFile(
  file: string,
  source: ConfigSource,
  reader: FileReader,
  report: Report,
): Promise<Written | undefined> {
  const found = await reader.read(file, MAX_CONFIG_BYTES);
  report.files.push({ path: file, key: undefined, mostBytes: MAX_CONFIG_BYTES, digest: digestOf(found) });
  const text = configText(file, found);
  if (text.ok) return readDocument(file, text.text, source.env, report);
  const where = text.hasFile ? `${file}:1:1` : source.file === undefined ? 'NATSGATE_CONFIG' : '--config';
  report.problem(text.code, { where, order: 0 }, WHOLE_FILE, text.text);
  return undefined;
}
