/**
 * From what was written to one checked configuration, or to everything that is wrong with it.
 *
 *   bytes ─▶ text ─▶ scan ─▶ YAML ─▶ tree ─▶ long form ─▶ + flags, variables, inheritance of routes
 *              │       │       │       │         │               └─▶ schema ─▶ rules ─▶ files ─▶ Config
 *              └───────┴───────┴───────┴─────────┴─────────────────────┴─────────┴────────┴──▶ report
 *
 * Every step goes on as far as it safely can, so that one report names all problems. The only file that knows
 * the package yaml.
 */
import { isMap, isScalar, isSeq, type ParsedNode, parseDocument, type YAMLParseError } from 'yaml';
import { buildConfig } from './build.ts';
import type { Config } from './config.ts';
import { configText, type FileSeen, fileSeen, MAX_CONFIG_BYTES, readBounded } from './files.ts';
import { withInheritance } from './inherit.ts';
import { interpolate } from './interpolate.ts';
import { otherFormat } from './other-formats.ts';
import { overlaid, type ConfigSource as Source, setVariable } from './overlay.ts';
import { checkReferences } from './references.ts';
import { AFTER_FILE, type Place, placesIn, Report, type Problem as ReportedProblem } from './report.ts';
import { checkRules } from './rules.ts';
import { scan } from './scan.ts';
import type { Finding } from './scan-cursor.ts';
import { KEYS } from './schema.ts';
import { type Settings, settingsOf } from './settings.ts';
import { strangeCharacter } from './strange-character.ts';
import { escapeControls, hasControls, plain } from './text.ts';
import { type Entry, joined, longForm, type MapNode, type Node, numbered } from './tree.ts';
import { unknownVariables } from './unknown-variables.ts';
import { validate } from './validate.ts';
import { yamlErrorText } from './yaml-errors.ts';

export type Problem = ReportedProblem;
export type ConfigSource = Source;

export type LoadedConfig = ValidConfig | RefusedConfig;

export type ValidConfig = {
  readonly ok: true;
  readonly config: Config;
  /** The same by the keys of the file, to say later what has changed. */
  readonly settings: Settings;
  readonly warnings: readonly Problem[];
  /** All files that were looked into. */
  readonly files: readonly FileSeen[];
};

export type RefusedConfig = {
  readonly ok: false;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly files: readonly FileSeen[];
};

const TYPOGRAPHIC_QUOTE = /^[\u00ab\u2018-\u201f\u2039]/;

/** Problems that belong to no key. */
const WHOLE_FILE = '';

/** Reads file, flags and variables (and the files they name). Bad input of any kind is an answer, never a throw. */
export async function loadConfig(source: ConfigSource): Promise<LoadedConfig> {
  const report = new Report();
  const file = source.file ?? setVariable(source.env, 'NATSGATE_CONFIG');
  const read = file === undefined ? NO_FILE : await readTree(file, source, report);
  if (read === undefined) return refused(report);

  const long = longForm(read.root, KEYS, '', report, KEYS);
  if (long.kind !== 'map') return refused(report);
  const root = withInheritance(overlaid(long, source));
  const { values, failed } = validate(root, read.gaps, report);
  checkRules(values, root, failed, report);
  for (const [name, text] of unknownVariables(source.env, read.variables))
    report.warning({ where: plain(name), order: AFTER_FILE }, '', text);
  const references = await checkReferences(values, root, file, source.groups ?? [], failed, report);
  if (report.failed) return refused(report);
  const { warnings, files } = report;
  return {
    ok: true,
    config: buildConfig(values, references),
    settings: settingsOf(values, root, files),
    warnings,
    files,
  };
}

/** Warnings that no problem takes away, so that they are said beside problems: a misspelt variable may be the cause. */
export const urgentWarnings = (warnings: readonly Problem[]): readonly Problem[] =>
  warnings.filter(({ key }) => key === '');

/** `file:line:column: key: what is wrong; what to write`, one line whatever the input held. */
export function formatProblem(problem: Problem): string {
  const { where, key, text } = problem;
  return escapeControls([where, key, text].filter((part) => part !== '').join(': '));
}

/** What is for other readers: notes and fragments as in compose files, and an editor's name of the schema. */
const isIgnored = (key: string, path: string): boolean =>
  key.startsWith('x-') || (path === '' && key === '$schema');

/** What a file says. `gaps`: its arrangement is wrong somewhere, so a key may only seem to be missing. */
type FileTree = {
  readonly root: MapNode;
  readonly gaps: boolean;
  /** What the file wants to have put in. */
  readonly variables: ReadonlySet<string>;
};

const NO_FILE: FileTree = {
  root: { kind: 'map', entries: [], place: { where: '', order: 0 } },
  gaps: false,
  variables: new Set(),
};

function refused({ problems, warnings, files }: Report): RefusedConfig {
  return { ok: false, problems, warnings, files };
}

/** undefined: there is nothing to go on with, and the report says why. */
async function readTree(file: string, source: ConfigSource, report: Report): Promise<FileTree | undefined> {
  const found = await readBounded(file, MAX_CONFIG_BYTES);
  report.files.push(fileSeen(file, undefined, MAX_CONFIG_BYTES, found));
  const read = configText(file, found);
  if (!read.ok) {
    const unread = source.file === undefined ? 'NATSGATE_CONFIG' : '--config';
    const where = read.line === undefined ? unread : `${file}:${read.line}:${read.column}`;
    report.problem({ where, order: 0 }, WHOLE_FILE, read.text);
    return undefined;
  }
  const placeAt = placesIn(file, read.text);
  const scanned = scan(read.text);
  const other = scanned.findings.some(({ structural }) => structural) ? otherFormat(read.text) : undefined;
  if (other !== undefined) {
    report.problem(placeAt(other.offset), WHOLE_FILE, other.text);
    return undefined;
  }
  const reader = new TreeReader(scanned.findings, placeAt, source.env, report);
  const root = scanned.hopeless ? undefined : reader.read(scanned.text);
  for (const finding of scanned.findings) {
    report.problem(placeAt(finding.offset), reader.keyAt(finding) ?? WHOLE_FILE, finding.text);
  }
  const variables = new Set(Array.from(read.text.matchAll(/\$\{(\w+)/g), ([, name]) => name ?? ''));
  return root && { root, gaps: scanned.findings.some((finding) => finding.structural), variables };
}

/** Turns YAML into a tree of places, with variables put in. */
class TreeReader {
  readonly #findings: readonly Finding[];
  readonly #placeAt: (offset: number) => Place;
  readonly #env: ConfigSource['env'];
  readonly #report: Report;
  /** Where each key stands, in the order of the file. */
  readonly #keys: { readonly offset: number; readonly line: string; readonly path: string }[] = [];

  constructor(
    findings: readonly Finding[],
    placeAt: (offset: number) => Place,
    env: ConfigSource['env'],
    report: Report,
  ) {
    this.#findings = findings;
    this.#placeAt = placeAt;
    this.#env = env;
    this.#report = report;
  }

  /** undefined: the text is not YAML, or not a map. Both are reported. */
  read(text: string): MapNode | undefined {
    // failsafe: every scalar stays the text it is (0777, no, 1_000); the schema decides what it means.
    // uniqueKeys off: that check takes quadratic time, and the tree does it in linear time.
    const document = parseDocument(text, {
      version: '1.2',
      schema: 'failsafe',
      stringKeys: true,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
    });
    if (this.#reportErrors(document.errors)) return undefined;
    const root = document.contents === null ? undefined : this.#node(document.contents, '');
    if (root?.kind === 'map') return root;
    if (this.#findings.length === 0) {
      const text = 'the file is not a map of keys; write lines such as "listen: 0.0.0.0:8080"';
      this.#report.problem(this.#placeAt(document.contents?.range[0] ?? 0), WHOLE_FILE, text);
    }
    return undefined;
  }

  /** The key to which a finding belongs: that of its line, or, for a value on a line of its own, the last before. */
  keyAt({ offset, structural }: Finding): string | undefined {
    const last = this.#keys.findLast((key) => key.offset <= offset);
    return last !== undefined && (!structural || last.line === this.#lineAt(offset)) ? last.path : undefined;
  }

  /** Only the first: the others mostly follow from it. And none where the scan already found the reason. */
  #reportErrors(errors: readonly YAMLParseError[]): boolean {
    const lines = new Set(this.#findings.map(({ offset }) => this.#lineAt(offset)));
    const error = errors.find(({ pos }) => !lines.has(this.#lineAt(pos[0])));
    if (error === undefined) return false;
    this.#report.problem(this.#placeAt(error.pos[0]), WHOLE_FILE, yamlErrorText(error.code));
    return true;
  }

  #node(node: ParsedNode, path: string): Node {
    const [start, end] = node.range;
    const place = this.#placeAt(start);
    if (isScalar(node)) {
      const isBroken = this.#findings.some(({ offset }) => offset >= start && offset < end);
      if (isBroken) return { kind: 'broken', place };
      const text = String(node.value);
      if (node.type !== 'PLAIN') return this.#text(text, place, path);
      if (/^(~|null|Null|NULL|)$/.test(text)) return { kind: 'empty', place };
      // Quotes as word processors write them are a part of the value to YAML, and of a host name even valid.
      const strange = TYPOGRAPHIC_QUOTE.test(text) ? strangeCharacter(text) : undefined;
      if (strange === undefined) return this.#text(text, place, path);
      return this.#broken(
        place,
        path,
        `the value begins with ${strange.name}; write ${strange.write} in its place`,
      );
    }
    if (isSeq<ParsedNode>(node)) {
      const items = node.items.map((item, index) =>
        this.#node(item, isMap(item) ? numbered(path, index) : path),
      );
      return { kind: 'list', items, place };
    }
    // Aliases were taken out by the scan; should one remain, it is refused all the same.
    if (!isMap<ParsedNode, ParsedNode | null>(node))
      return this.#broken(place, path, 'YAML aliases are not supported; write the value itself');
    const entries = node.items.flatMap((pair) => this.#entry(pair.key, pair.value, path));
    return { kind: 'map', entries, place };
  }

  #entry(key: ParsedNode, value: ParsedNode | null, path: string): Entry[] {
    const [offset] = key.range;
    const name = isScalar(key) ? String(key.value) : '';
    const place = this.#placeAt(offset);
    const here = joined(path, plain(name));
    this.#keys.push({ offset, line: this.#lineAt(offset), path: here });
    if (isIgnored(name, path)) return [];
    if (this.#findings.some((finding) => finding.offset === offset)) return [];
    return [{ key: name, place, value: value === null ? { kind: 'empty', place } : this.#node(value, here) }];
  }

  #text(written: string, place: Place, path: string): Node {
    const result = interpolate(written, this.#env);
    if (!result.ok) return this.#broken(place, path, `${result.what}; write ${result.write}`);
    const { text, names } = result;
    if (!hasControls(text)) return { kind: 'text', text, names, place };
    const what = names === undefined ? 'the value' : `the value of ${names}`;
    const controls = [...text].filter(hasControls).join('');
    return this.#broken(place, path, `${what} holds ${strangeCharacter(controls)?.name}; write it without`);
  }

  #broken(place: Place, path: string, text: string): Node {
    this.#report.problem(place, path, text);
    return { kind: 'broken', place };
  }

  #lineAt(offset: number): string {
    return this.#placeAt(offset).where.replace(/:\d+$/, '');
  }
}
