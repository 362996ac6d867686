/** The pages of `natsgate help`. */
import {
  COMMANDS,
  type Command,
  type CommandName,
  OPTIONS,
  type Option,
  type OptionName,
} from './commands.ts';

/** The page of one command, or of the program. */
export function helpPage(command?: CommandName): string {
  return command === undefined ? programPage() : commandPage(command);
}

function programPage(): string {
  const { serve } = COMMANDS;
  return [
    'natsgate: the WebSocket edge of NATS\n',
    columns(Object.values(COMMANDS).map(({ usage, summary }) => [usage, summary])),
    'Options',
    optionLines([...serve.options, 'version', 'help']),
    'Examples',
    lines(serve.examples),
    ...serve.about.map((paragraph) => `${paragraph}\n`),
    'natsgate help COMMAND prints the options, examples and exit codes of a command.',
    'Configuration keys: docs/configuration.md. Close reasons: docs/close-reasons.md.\n',
  ].join('\n');
}

function commandPage(name: CommandName): string {
  const { usage, summary, options, says = {}, about, examples, exitCodes }: Command = COMMANDS[name];
  return [
    `${usage}: ${summary}\n`,
    ...about.map((paragraph) => `${paragraph}\n`),
    ...(options.length === 0 ? [] : ['Options', optionLines(options, says)]),
    ...(examples.length === 0 ? [] : ['Examples', lines(examples)]),
    'Exit codes',
    columns(exitCodes),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function optionLines(names: readonly OptionName[], says: Command['says'] = {}): string {
  return columns(
    names.map((name) => {
      const option: Option = OPTIONS[name];
      const short = option.short === undefined ? '    ' : `-${option.short}, `;
      return [
        `${short}--${name}${option.value === undefined ? '' : ` ${option.value}`}`,
        says[name] ?? option.says,
      ];
    }),
  );
}

const lines = (texts: readonly string[]): string => texts.map((text) => `  ${text}\n`).join('');

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return lines(rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`));
}
