/** Header lines as they are typed, by their names; undefined: a line is none. */
export function headerLinesOf(text: string): Readonly<Record<string, readonly string[]>> | undefined {
  const lines: Record<string, string[]> = Object.create(null);
  for (const line of text.split('\n').filter((one) => one.trim() !== '')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trim();
    if (name === '') return undefined;
    lines[name] = [...(lines[name] ?? []), line.slice(colon + 1).trim()];
  }
  return lines;
}
