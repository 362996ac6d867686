import { readFileSync } from 'node:fs';
import { isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';

/** One key of values.yaml. `children` is undefined for a leaf: a value, a list, an empty map. */
export type ValueKey = {
  readonly path: string;
  readonly comment: string;
  readonly value: unknown;
  readonly children: readonly ValueKey[] | undefined;
};

/** Reads values.yaml with the comment in front of each key. */
export function readValues(chart: string): readonly ValueKey[] {
  const document = parseDocument(readFileSync(`${chart}/values.yaml`, 'utf8'));
  if (!isMap(document.contents)) throw new Error('values.yaml is not a map');
  return keysOf(document.contents, '');
}

/** Every leaf, sections left out. A section that `isLeaf` names counts as one. */
export function leaves(
  keys: readonly ValueKey[],
  isLeaf: (path: string) => boolean = () => false,
): ValueKey[] {
  return keys.flatMap((key) =>
    key.children === undefined || isLeaf(key.path) ? [key] : leaves(key.children, isLeaf),
  );
}

function keysOf(map: YAMLMap, prefix: string): ValueKey[] {
  return map.items.map((pair, index) => {
    const { key, value } = pair as { key: unknown; value: unknown };
    if (!isScalar(key)) throw new Error(`a key below ${prefix} is not a text`);
    const path = `${prefix}${String(key.value)}`;
    const children =
      isMap(value) && value.items.length > 0 ? keysOf(value as YAMLMap, `${path}.`) : undefined;
    // The parser gives the comment of a map's first key to the map.
    const comment = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined) ?? '';
    const plain = value as { toJSON?(): unknown } | null;
    return {
      path,
      comment: lastParagraph(comment),
      value: plain?.toJSON?.() ?? null,
      children,
    };
  });
}

/** A comment that a blank line parts from the key says something about the file. */
function lastParagraph(comment: string): string {
  const paragraph = comment.split(/\n\s*\n/).at(-1) ?? '';
  return paragraph
    .split('\n')
    .map((line) => line.trim())
    .join(' ')
    .trim();
}
