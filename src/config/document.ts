/** One YAML document becomes plain values with their places. With yaml-mistakes.ts the only file that knows the package yaml. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
} from 'yaml';
import { hasUnprintable } from '../printable.ts';
import { interpolate } from './interpolate.ts';
import { type Path, pathText } from './path.ts';
import { type Place, type Report, WHOLE_FILE } from './problems.ts';
import { strangeCharacter } from './strange-character.ts';
import { plain } from './text.ts';
import { Written, type WrittenMap } from './written.ts';
import { mistakeIn } from './yaml-mistakes.ts';

/** Far more than any configuration has, aliases counted as often as they are used. */
const MAX_NODES = 20_000;
/** The user's own, for anchors and editors. */
const isIgnored = (key: string, path: Path): boolean =>
  key.startsWith('x-') || (path.length === 0 && key === '$schema');
const MERGE = '<<';
/** As word processors write them; to YAML they are a part of the value. */
const BEGINS_WITH_QUOTE = /^[\u00ab\u2018-\u201f\u2039]/;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The values of `text`; undefined when it is no YAML map, which `report` then explains. Every scalar stays the text
 * that it is (0777, no, 1_000): the keys decide what it means. `${NAME}` is replaced by the variable.
 */
export function readDocument(
  file: string,
  text: string,
  env: Environment,
  report: Report,
): Written | undefined {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'failsafe',
    stringKeys: true,
    // That check takes quadratic time; the walk below does it in linear time.
    uniqueKeys: false,
    prettyErrors: false,
    // 'silent' would also hide that there is a second document.
    logLevel: 'error',
    lineCounter,
  });
  const placeAt = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset);
    return { where: `${file}:${Math.max(1, line)}:${Math.max(1, col)}`, order: offset };
  };
  const mistake = mistakeIn(document, text);
  if (mistake !== undefined) {
    report.problem(mistake.code, placeAt(mistake.offset), WHOLE_FILE, mistake.text);
    return undefined;
  }
  const written = new Walk(document, placeAt, env, report).read();
  for (const [, name = ''] of text.matchAll(/\$\{(\w+)/g)) written?.variables.add(name);
  return written;
}

class Walk {
  readonly #document: Document.Parsed;
  readonly #placeAt: (offset: number) => Place;
  readonly #env: Environment;
  readonly #report: Report;
  readonly #written = new Written();
  /** Aliases that are being followed: one inside itself would never end. */
  readonly #open = new Set<Node>();
  #nodes = 0;

  constructor(
    document: Document.Parsed,
    placeAt: (offset: number) => Place,
    env: Environment,
    report: Report,
  ) {
    this.#document = document;
    this.#placeAt = placeAt;
    this.#env = env;
    this.#report = report;
  }

  read(): Written | undefined {
    this.#written.note([], { place: this.#at(this.#document.contents) });
    const root = this.#value(this.#document.contents, []);
    if (this.#nodes > MAX_NODES) {
      const text = `the file has more than ${MAX_NODES} values, aliases included; write fewer`;
      this.#report.problem('too_many_values', this.#placeAt(0), WHOLE_FILE, text);
      return undefined;
    }
    Object.assign(this.#written.root, root);
    return this.#written;
  }

  #value(node: ParsedNode | Node | null, path: Path): unknown {
    if (node === null || ++this.#nodes > MAX_NODES) return null;
    if (isAlias(node)) return this.#aliased(node, path, (target) => this.#value(target, path));
    if (isScalar(node)) return this.#scalar(node, path);
    if (isSeq<Node>(node)) {
      return node.items.map((item, index) => {
        const here = [...path, index];
        this.#written.note(here, { place: this.#at(item) });
        return this.#value(item, here);
      });
    }
    return isMap<Node, Node | null>(node) ? this.#map(node, path) : undefined;
  }

  #map(node: { readonly items: readonly { key: Node; value: Node | null }[] }, path: Path): WrittenMap {
    const map = Object.create(null) as WrittenMap;
    const isMerge = ({ key }: { readonly key: Node }): boolean => isScalar(key) && key.value === MERGE;
    // Before the keys of the map itself, because these decide where a value was written.
    const merged = node.items.filter(isMerge).flatMap(({ value }) => this.#mergedMaps(value, path));
    for (const item of node.items) {
      const { key, value } = item;
      const name = isScalar(key) ? String(key.value) : '';
      if (isMerge(item) || isIgnored(name, path)) continue;
      if (Object.hasOwn(map, name))
        this.#problem('duplicate_key', key, [...path, name], 'the key is here a second time; write it once');
      else {
        const here = [...path, name];
        // What is wrong with a map as a whole, or missing in it, is best shown at its key.
        const place = this.#at(isSeq(value) || (isScalar(value) && !isEmpty(value)) ? value : key);
        this.#written.note(here, { place, keyPlace: this.#at(key) });
        map[name] = this.#value(value, here);
      }
    }
    // The map's own keys win, and among the merged ones the first.
    for (const other of merged)
      for (const key of Object.keys(other)) if (!Object.hasOwn(map, key)) map[key] = other[key];
    return map;
  }

  #mergedMaps(value: Node | null, path: Path): WrittenMap[] {
    if (isSeq<Node>(value)) return value.items.flatMap((item) => this.#mergedMaps(item, path));
    if (isAlias(value))
      return (this.#aliased(value, path, (target) => this.#mergedMaps(target, path)) ?? []) as WrittenMap[];
    if (isMap<Node, Node | null>(value)) return [this.#map(value, path)];
    if (value !== null)
      this.#problem('merge', value, path, '<< merges maps; write an alias of one, such as <<: *name');
    return [];
  }

  #aliased<T>(
    alias: Node & { resolve(document: Document): Node | undefined },
    path: Path,
    follow: (target: Node) => T,
  ): T | undefined {
    const target = alias.resolve(this.#document);
    if (target === undefined || this.#open.has(target)) {
      this.#problem('alias', alias, path, 'the alias leads to nothing, or to itself; write the value');
      return undefined;
    }
    this.#open.add(target);
    const value = follow(target);
    this.#open.delete(target);
    return value;
  }

  #scalar(node: { readonly type?: string; readonly value: unknown } & Node, path: Path): unknown {
    const text = String(node.value);
    if (isEmpty(node)) return null;
    const result = interpolate(text, this.#env);
    if (!result.ok) {
      this.#problem('variable', node, path, `${result.what}; write ${result.write}`);
      return undefined;
    }
    const controls = [...result.text.trimEnd()].filter(hasUnprintable).join('');
    const strange =
      controls !== '' || BEGINS_WITH_QUOTE.test(text) ? strangeCharacter(controls || text) : undefined;
    if (strange !== undefined && (node.type === 'PLAIN' || controls !== '')) {
      const what = result.names === undefined ? 'the value' : `the value of ${result.names}`;
      const sentence = `${what} has ${strange.name}; write ${strange.write} in its place`;
      this.#problem(controls === '' ? 'strange_character' : 'control_character', node, path, sentence);
      return undefined;
    }
    if (result.names !== undefined) this.#written.addNames(path, result.names);
    // A block scalar ends with a line break that nobody means.
    return node.type?.startsWith('BLOCK') === true ? result.text.trimEnd() : result.text;
  }

  #problem(code: string, node: Node, path: Path, text: string): void {
    this.#report.problem(code, this.#at(node), path.length === 0 ? WHOLE_FILE : plain(pathText(path)), text);
  }

  #at(node: Node | null): Place {
    return this.#placeAt(node?.range?.[0] ?? 0);
  }
}

/** No value at all, or one of the words for none. */
const isEmpty = ({ type, value }: { readonly type?: string; readonly value: unknown }): boolean =>
  type === 'PLAIN' && /^(~|null|Null|NULL|)$/.test(String(value));
