import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

type Range = { readonly startOffset: number; readonly endOffset: number; readonly count: number };
type Coverage = {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly Range[] }[];
  }[];
};

/** For each file, the places that ran: pairs of start and end in one list. */
export type Reach = Readonly<Record<string, readonly number[]>>;

const size = ({ startOffset, endOffset }: Range): number => endOffset - startOffset;

/**
 * What ran of `root`/src, by the files that V8 wrote to `folder` (NODE_V8_COVERAGE), one for each process. Types are
 * blanked before V8 sees a file, so its places are those of the source.
 */
export function reachOf(folder: string, root: string): Reach {
  const ran = new Map<string, Uint8Array>();
  for (const file of globSync(join(folder, '*.json'))) {
    const { result } = JSON.parse(readFileSync(file, 'utf8')) as Coverage;
    for (const { url, functions } of result) {
      if (!url.startsWith(pathToFileURL(join(root, 'src')).href)) continue;
      const path = fileURLToPath(url).slice(root.length + 1);
      // An inner range says more than the one around it.
      const ranges = functions.flatMap((each) => each.ranges).toSorted((a, b) => size(b) - size(a));
      const here = new Uint8Array(ranges[0]?.endOffset ?? 0);
      for (const range of ranges) here.fill(Math.min(range.count, 1), range.startOffset, range.endOffset);
      ran.set(
        path,
        here.map((value, index) => value | (ran.get(path)?.[index] ?? 0)),
      );
    }
  }
  return Object.fromEntries(
    [...ran].map(([path, places]) => [
      path,
      [...places, 0].flatMap((value, index) => (value === (places[index - 1] ?? 0) ? [] : [index])),
    ]),
  );
}

export function reaches(reach: Reach, file: string, place: number): boolean {
  return (reach[file] ?? []).filter((border) => border <= place).length % 2 === 1;
}
