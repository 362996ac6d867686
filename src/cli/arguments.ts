import { parseArgs } from 'node:util';
import { nearest } from '../config/suggest.ts';
import { quote } from '../config/text.ts';
import {
  COMMANDS,
  type Command,
  type CommandName,
  OPTIONS,
  type OptionName,
  OTHER_NAMES,
} from './commands.ts';

const strictly = (args: readonly string[]) =>
  parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });

export type Flags = ReturnType<typeof strictly>['values'];

export type Arguments =
  | {
      /** undefined: none was written, which means serve. */
      readonly command: CommandName | undefined;
      readonly flags: Flags;
      readonly operands: readonly string[];
    }
  /** What is wrong with them, in one sentence without a full stop; `command`: whose help page says more. */
  | { readonly problem: string; readonly command?: CommandName };

/** Options and words of a command line, after the program's name. Never throws. */
export function readArguments(written: readonly string[]): Arguments {
  // Of two letters for one option parseArgs knows one only.
  const args = written.map((one) => (one === '-V' ? '-v' : one));
  const { tokens } = parseArgs({
    args,
    options: OPTIONS,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    const given = args[token.index] ?? rawName;
    if (!Object.hasOwn(OPTIONS, name) || isLongWithOneDash(given)) return { problem: unknownOption(given) };
    const { type } = OPTIONS[name as OptionName];
    if (type === 'boolean' && inlineValue === true) return { problem: `${rawName} takes no value` };
    if (type !== 'string') continue;
    if (value === undefined || value === '') return { problem: `${rawName} wants a value` };
    // Somebody forgot the value, and the next option was taken for it.
    if (inlineValue !== true && value.startsWith('-'))
      return { problem: `${rawName} wants a value; one that begins with a dash is written ${rawName}=VALUE` };
  }
  const { values, positionals } = strictly(args);
  return withCommand({ ...values }, positionals);
}

function withCommand(flags: Flags, [word, ...operands]: readonly string[]): Arguments {
  if (word !== undefined && !isCommand(word)) return { problem: unknownCommand(word) };
  const command = word ?? 'serve';
  const { options, operands: most, words = [] }: Command = COMMANDS[command];
  // These two are asked about a command, not of it.
  if (flags.help === true || flags.version === true) return { command: word, flags, operands };
  const excess = operands[most];
  if (excess !== undefined) {
    const hint = looksLikeFile(excess) ? ` (a file is written --config ${quote(excess)})` : '';
    return { problem: `unexpected argument ${quote(excess)}${hint}`, command };
  }
  const [first] = operands;
  if (words.length > 0 && (first === undefined || !words.includes(first))) {
    const wanted = `${command} wants ${words.join(' or ')} after it`;
    return { problem: first === undefined ? wanted : `${wanted}, not ${quote(first)}`, command };
  }
  const known: readonly string[] = options;
  const stray = Object.keys(flags).find((name) => !known.includes(name));
  if (stray !== undefined) return { problem: `${command} takes no --${stray}`, command };
  return { command: word, flags, operands };
}

export const isCommand = (word: string): word is CommandName => Object.hasOwn(COMMANDS, word);

/** ` (did you mean check?)` is at its end, where something is near. */
export function unknownCommand(word: string): string {
  if (looksLikeFile(word))
    return `unknown command ${quote(word)} (a file is written --config ${quote(word)})`;
  const other = Object.hasOwn(OTHER_NAMES, word.toLowerCase()) ? OTHER_NAMES[word.toLowerCase()] : undefined;
  const near = other ?? nearest(word, Object.keys(COMMANDS));
  return `unknown command ${quote(word)}${near === undefined ? '' : ` (did you mean ${near}?)`}`;
}

const looksLikeFile = (word: string): boolean => /\.(ya?ml|json|conf)$/i.test(word);

/** `-config`, as nats-server takes it: parseArgs reads `-c` with the value `onfig`. */
const isLongWithOneDash = (given: string): boolean =>
  !given.startsWith('--') && Object.hasOwn(OPTIONS, given.slice(1).split('=', 1)[0] ?? '');

/** `written` may be one with its value, or letters after one dash, which are an option each. */
function unknownOption(written: string): string {
  const option = written.split('=', 1)[0] ?? '';
  const near = nearest(
    option,
    Object.keys(OPTIONS).map((one) => `--${one}`),
  );
  return `unknown option ${quote(option)}${near === undefined ? '' : ` (did you mean ${near}?)`}`;
}
