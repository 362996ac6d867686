/** Log lines for people: date, level, message, then `name=value` as in logfmt. */
import { printable } from './printable.ts';

/** Yellow and red for what wants a look, grey for what nobody asked for at info. */
const COLOURS: Readonly<Record<string, string>> = { debug: '90', warn: '33', error: '31' };

/** What a value may hold without quotes. */
const PLAIN = /^[^\s"=\\\p{C}]+$/u;

/**
 * A JSON log line as people read it, line feed included; no other control character of the line is in it. With
 * `colour`, the word of the level is coloured.
 */
export function asText(line: string, colour = false): string {
  const { level, time, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const word = String(level).padEnd(5);
  const code = colour ? COLOURS[String(level)] : undefined;
  const shown = code === undefined ? word : `\u001b[${code}m${word}\u001b[0m`;
  const rest = [
    String(message ?? ''),
    ...Object.entries(fields).flatMap(([name, value]) => pairs(name, value)),
  ];
  return `${time} ${shown} ${printable(rest.join(' ').trim())}\n`;
}

/** `name=value`. A list of words is one value; what is nested otherwise gets a pair for each of its values. */
export function pairs(name: string, value: unknown): string[] {
  if (Array.isArray(value)) {
    if (value.every((one) => typeof one !== 'object' && !/[\s,]/.test(String(one))))
      return pairs(name, value.join(','));
    return value.flatMap((one, index) => pairs(`${name}[${index}]`, one));
  }
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([key, one]) => pairs(`${name}.${key}`, one));
  const text = String(value);
  return [`${name}=${PLAIN.test(text) ? text : JSON.stringify(text)}`];
}
