/** Scripts by which shells complete command lines, made of the same table as the help pages. */
import { COMMANDS, type Command, OPTIONS, type Option, type OptionName } from './commands.ts';

const NAMES = Object.keys(COMMANDS);
/** These are asked about every command. */
const ALWAYS = ['help', 'version'] as const;

const optionsOf = ({ options }: Command): readonly OptionName[] => [...options, ...ALWAYS];

/** What the first word after it may be; of help it is a command. */
const wordsOf = (name: string, { words = [] }: Command): readonly string[] =>
  name === 'help' ? NAMES : words;

const takesFile = ({ usage }: Command): boolean => /\bFILE\b/.test(usage);

/** Each way to write an option. */
const written = (name: OptionName): readonly string[] => {
  const { short }: Option = OPTIONS[name];
  return short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`];
};

/**
 * For bash from 3.2 on. What no word completes, bash completes as the name of a file.
 */
function bash(): string {
  const names = Object.keys(OPTIONS) as OptionName[];
  const wordsFor = (name: OptionName): readonly string[] | undefined => (OPTIONS[name] as Option).words;
  const withValue = names.filter((name) => OPTIONS[name].type === 'string');
  const free = withValue.filter((name) => wordsFor(name) === undefined).flatMap(written);
  const values = withValue.flatMap((name) => {
    const words = wordsFor(name);
    if (words === undefined) return [];
    return `    ${written(name).join('|')}) COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$cur")); return ;;`;
  });
  const commands = Object.entries(COMMANDS).map(([name, command]) => {
    const options = optionsOf(command).flatMap(written).join(' ');
    return `    ${name === 'serve' ? "''|serve" : name}) options='${options}' words='${wordsOf(name, command).join(' ')}' ;;`;
  });
  return `_natsgate() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= at words options
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  case $prev in
${values.join('\n')}
    ${free.join('|')}) return ;;
  esac
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in ${NAMES.join('|')}) command=\${COMP_WORDS[at]}; break ;; esac
  done
  case $command in
${commands.join('\n')}
  esac
  if [[ -z $command ]]; then words='${NAMES.join(' ')}'; elif ((at < COMP_CWORD - 1)); then words=; fi
  if [[ $cur == -* ]]; then words=$options; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _natsgate natsgate
`;
}

/** In single quotes; what zsh reads inside of them as part of an option's form is escaped. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const bracketed = (text: string): string => `[${text.replace(/[[\]:\\]/g, '\\$&')}]`;

function zshOption(name: OptionName, says: string): string {
  const { type, short, multiple, value = '', words }: Option = OPTIONS[name];
  const values = words === undefined ? (value === 'FILE' ? '_files' : ' ') : `(${words.join(' ')})`;
  const takes = type === 'string';
  const rest = `${bracketed(says)}${takes ? `:${value}:${values}` : ''}`;
  const long = `--${name}${takes ? '=' : ''}`;
  if (short === undefined) return quoted(`${multiple === true ? '*' : ''}${long}${rest}`);
  return `'(-${short} --${name})'{-${short}${takes ? '+' : ''},${long}}${quoted(rest)}`;
}

/** For zsh 5, either sourced or as a file of its fpath. */
function zsh(): string {
  const described = Object.entries(COMMANDS).map(([name, { summary }]) => quoted(`${name}:${summary}`));
  const argumentsOf = (name: string, command: Command): string => {
    const options = optionsOf(command).map((one) => zshOption(one, command.says?.[one] ?? OPTIONS[one].says));
    const words = wordsOf(name, command);
    const first = words.length === 0 ? [] : [`'1: :(${words.join(' ')})'`];
    return ['_arguments', ...options, ...first, ...(takesFile(command) ? ["'*:FILE:_files'"] : [])].join(' ');
  };
  const cases = Object.entries(COMMANDS).map(
    ([name, command]) => `    ${name}) ${argumentsOf(name, command)} ;;`,
  );
  return `#compdef natsgate
_natsgate() {
  local -a commands=(${described.join(' ')})
  local command=$words[2]
  if ((CURRENT < 3)) || [[ $command == -* ]]; then
    ${argumentsOf('serve', COMMANDS.serve)} '1:command:{_describe command commands}'
    return
  fi
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _natsgate ]]; then _natsgate "$@"; else compdef _natsgate natsgate; fi
`;
}

const SCRIPTS = { bash, zsh };

/** The script for the shell of this name; one of the words of the command completion. */
export const completion = (shell: string): string => SCRIPTS[shell as keyof typeof SCRIPTS]();
