import { parseArgs } from 'node:util';
import { nearest } from '../config/suggest.ts';
import { quote } from '../config/text.ts';

const OPTIONS = {
  config: { type: 'string' },
  upstream: { type: 'string', multiple: true },
  origin: { type: 'string', multiple: true },
  listen: { type: 'string' },
  admin: { type: 'string' },
  'drain-budget': { type: 'string' },
  timeout: { type: 'string' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const COMMANDS = ['serve', 'check', 'probe', 'dev', 'help'] as const;

const strictly = (args: readonly string[]) =>
  parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });

export type Flags = ReturnType<typeof strictly>['values'];

export type Arguments =
  | { readonly flags: Flags; readonly positionals: readonly string[] }
  /** What is wrong with them, in one sentence without a full stop. */
  | { readonly problem: string };

/** Options and words of a command line, behind the program's name. Never throws. */
export function readArguments(args: readonly string[]): Arguments {
  const { tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    if (!Object.hasOwn(OPTIONS, name)) return { problem: unknownOption(args[token.index] ?? rawName) };
    const { type } = OPTIONS[name as keyof typeof OPTIONS];
    if (type === 'boolean' && inlineValue === true) return { problem: `${rawName} takes no value` };
    if (type !== 'string') continue;
    if (value === undefined || value === '') return { problem: `${rawName} wants a value` };
    // Somebody forgot the value, and the next option was taken for it.
    if (inlineValue !== true && value.startsWith('-'))
      return { problem: `${rawName} wants a value; one that begins with a dash is written ${rawName}=VALUE` };
  }
  const { values, positionals } = strictly(args);
  return { flags: values, positionals };
}

/** ` (did you mean check?)`, or nothing. */
export function didYouMean(typed: string, candidates: Iterable<string>): string {
  const near = nearest(typed, candidates);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}

/** `written` may be one with its value, or letters behind one dash, which are an option each. */
function unknownOption(written: string): string {
  const option = written.split('=', 1)[0] ?? '';
  const names = Object.keys(OPTIONS).map((one) => `--${one}`);
  return `unknown option ${quote(option)}${didYouMean(option, names)}`;
}
