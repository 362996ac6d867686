import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Blocks of code in this language, of the section of a page, in their order. */
export function blocksOf(page: string, heading: string, language: string): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, '..', '..', page), 'utf8');
  const section = text.split(/^(?=## )/m).find((one) => one.startsWith(`## ${heading}\n`)) ?? '';
  return [...section.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language)
    .map(([, , block = '']) => block);
}
