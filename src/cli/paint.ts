import { styleText } from 'node:util';

/** What of a line has a colour at a terminal. */
const MARKS = [
  [/^warning:/, 'yellow'],
  [/^advice:/, 'cyan'],
  [/^(natsgate: the configuration is valid|probe: ok|dial: )/, 'green'],
  [/^(natsgate: \d+ .* in the configuration.*|probe: failed|dial failed: )/, 'red'],
  // Where a problem is.
  [/^(\S+:\d+:\d+|--[a-z-]+|NATSGATE_\w+):/, 'bold'],
  [/^(Options|Examples|Exit codes)$/, 'bold'],
] as const;

/** A finished line, with colours where `stream` is a terminal that has some, and neither NO_COLOR nor TERM speak against it. */
export function paint(line: string, stream: NodeJS.WritableStream): string {
  for (const [pattern, colour] of MARKS) {
    const [found] = pattern.exec(line) ?? [];
    if (found !== undefined) return styleText(colour, found, { stream }) + line.slice(found.length);
  }
  return line;
}
