/** JSON that two readers cannot understand in two ways. */
const MAX_DEPTH = 16;
const STRING = /"(?:[^"\\]|\\.)*"/y;

/**
 * An object without a member twice, at any depth, and at most 16 levels deep; undefined for everything else. The text
 * must be bounded: time is linear in it.
 */
export function parseSafely(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!isUnambiguous(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Checks keys and depth only; JSON.parse refuses what is not JSON. */
function isUnambiguous(text: string): boolean {
  /** The keys of each object that is open; of lists undefined. */
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined);
      if (open.length > MAX_DEPTH) return false;
    } else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      STRING.lastIndex = at;
      const [quoted] = STRING.exec(text) ?? [];
      if (quoted === undefined) return false;
      at += quoted.length - 1;
      if (isKey(text, at + 1) && !added(open.at(-1), quoted)) return false;
    }
  }
  return true;
}

function isKey(text: string, after: number): boolean {
  let at = after;
  while (at < text.length && ' \t\r\n'.includes(text[at] as string)) at++;
  return text[at] === ':';
}

/** False: the key is there already, perhaps in another spelling. */
function added(keys: Set<string> | undefined, quoted: string): boolean {
  if (keys === undefined) return true;
  let key: string;
  try {
    key = JSON.parse(quoted) as string;
  } catch {
    return false;
  }
  if (keys.has(key)) return false;
  keys.add(key);
  return true;
}
