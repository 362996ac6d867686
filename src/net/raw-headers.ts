/**
 * All values under one name, in order, blanks around them removed. `rawHeaders` is Node's flat list of names
 * and values. The joined object (`request.headers`) is never read: it hides repeated lines, or keeps the first
 * or the last of them, and each rule here depends on seeing every line.
 */
export function headerLines(rawHeaders: readonly string[], lowerCaseName: string): readonly string[] {
  let lines: string[] | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    // Lengths differ nearly always: that spares one lower-cased copy for each name and rule.
    if (name.length !== lowerCaseName.length || name.toLowerCase() !== lowerCaseName) continue;
    const value = trimBlanks(rawHeaders[index + 1] ?? '');
    if (lines === undefined) lines = [value];
    else lines.push(value);
  }
  return lines ?? NO_LINES;
}

const NO_LINES: readonly string[] = [];

/**
 * Elements of a comma-separated list over all its lines (RFC 9110 §5.3), blanks around each removed. Empty elements
 * do not count (§5.6.1.2): proxies that take an element away may leave its comma.
 */
export function listElements(lines: readonly string[]): readonly string[] {
  const [only] = lines;
  if (only === undefined) return NO_LINES;
  if (lines.length === 1 && only !== '' && !only.includes(',')) return lines;
  return lines.flatMap((line) => line.split(',').map(trimBlanks)).filter((element) => element !== '');
}

/** Removes SP and TAB at both ends, the only blanks of RFC 9110 §5.6.3 (String.trim removes many more). */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
