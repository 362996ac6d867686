/** Without code: a fenced block, or a span between backquotes, which becomes one word. */
function withoutCode(text: string): string {
  return text.replace(/^( *)```.*?^\1```$/gms, '').replace(/(`+)(?:(?!\1).)+\1/gs, 'code');
}

/** What `[text](target)` and `src="target"` of a page lead to. */
export function targetsOf(text: string): readonly string[] {
  const links = withoutCode(text).matchAll(
    /\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|(?:src|href|srcset)="([^"]+)"/g,
  );
  return [...links].map(([, link, attribute]) => link ?? attribute ?? '');
}

/** The names by which GitHub links to headings, and those that a page gives itself (`<a id="…">`). */
export function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  const shown = text.replace(/^( *)```.*?^\1```$/gms, '');
  for (const [, heading = ''] of shown.matchAll(/^#{1,6} (.+)$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const name = plain.replaceAll(/[^\p{L}\p{N}\- _]/gu, '').replaceAll(' ', '-');
    let unique = name;
    for (let count = 1; anchors.has(unique); count += 1) unique = `${name}-${count}`;
    anchors.add(unique);
  }
  for (const [, id = ''] of shown.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

/** Sentences of the prose: no heading, table, code or HTML. Each paragraph and each entry of a list ends one. */
export function sentencesOf(text: string): readonly string[] {
  const lines = withoutCode(text).split('\n');
  const prose = lines.map((line) => (/^\s*(\||#|<|---)/.test(line) ? '' : line));
  return prose
    .join('\n')
    .split(/\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )/)
    .flatMap((paragraph) =>
      paragraph.replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').split(/(?<=[.!?][)"*]*)\s+/),
    )
    .map((sentence) => sentence.replaceAll(/\s+/g, ' ').trim())
    .filter((sentence) => sentence !== '');
}

/** How many words a sentence has: runs of letters and digits between blanks. */
export function wordsOf(sentence: string): readonly string[] {
  return sentence.split(' ').filter((word) => /[\p{L}\p{N}]/u.test(word));
}

/** Words of the prose in lower case, by how they are written: no code, no link target, no acronym, no CamelCase. */
export function spelledWordsOf(text: string): ReadonlySet<string> {
  const prose = text
    .replace(/^( *)```.*?^\1```$/gms, '')
    .replace(/(`+)(?:(?!\1).)+\1/gs, ' ')
    .replace(/\]\([^)]*\)|<[^>]*>|https?:\S+/g, ' ');
  const words = new Set<string>();
  for (const [word] of prose.matchAll(/\p{L}[\p{L}'’]*\p{L}/gu)) {
    if (!/\p{L}.*\p{Lu}/u.test(word)) words.add(word.replaceAll('’', "'").replace(/'s$/, ''));
  }
  return words;
}
