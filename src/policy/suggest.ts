/** Entries of a policy that would allow what was seen. */

/** More names than this in one place are `*`. */
const MOST_NAMES = 4;
/** A number, or what only a program makes up: hexadecimal digits, a UUID, a long name with digits in it. */
const MADE_UP = /^(\d+|[0-9a-fA-F-]{8,}|(?=.*\d)[A-Za-z0-9_-]{16,})$/;

/**
 * Patterns that cover all subjects, sorted. Tokens that look made up become `*`, and so do tokens of which there are many
 * in the same place.
 */
export function patternsFor(subjects: Iterable<string>): readonly string[] {
  let patterns = [...new Set([...subjects].map(generalised))];
  const most = Math.max(0, ...patterns.map((pattern) => pattern.split('.').length));
  for (let place = most - 1; place > 0; place--) patterns = merged(patterns, place);
  return patterns.toSorted();
}

const generalised = (subject: string): string =>
  subject
    .split('.')
    .map((token, place) => (place > 0 && MADE_UP.test(token) ? '*' : token))
    .join('.');

/** Those that differ in this place alone become one, if they are many. */
function merged(patterns: readonly string[], place: number): string[] {
  const groups = new Map<string, string[]>();
  for (const pattern of patterns) {
    const tokens = pattern.split('.');
    const isThere = place < tokens.length && tokens[place] !== '>';
    const key = isThere ? tokens.with(place, '*').join('.') : pattern;
    groups.set(key, [...(groups.get(key) ?? []), pattern]);
  }
  return [...groups].flatMap(([key, ones]) =>
    ones.length > MOST_NAMES || ones.includes(key) ? [key] : ones,
  );
}
