/** Says what is wrong with text that is not YAML, or not a map of keys, and what to write instead. */
import { type Document, isMap } from 'yaml';
import { strangeCharacter } from './strange-character.ts';

/** Lines of nats-server, Caddy and nginx (`name {`), TOML and INI (`[name]`, `key = value`), given to us by mistake. */
const OTHER_FORMAT =
  /^[ \t]*([^\s:#{}"'[-][^:#{}\n]*\{[ \t]*(#.*)?|\[[\w.-]+\][ \t]*|[\w.-]+[ \t]*=[ \t]*\S.*)$/m;

/** Our sentences: those of the package repeat pieces of the text, and with them whatever secret is in it. */
const SENTENCES: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'this looks like an alias, and nothing has that name; write * in quotes for the character',
  BAD_DIRECTIVE: 'YAML directives are not supported; remove the line',
  BAD_DQ_ESCAPE: 'a backslash in double quotes begins no known escape; write the value in single quotes',
  BAD_INDENT: 'the line is indented by another number of blanks than its neighbours; indent them alike',
  BAD_SCALAR_START: 'a value cannot begin with this character; write it in quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a key begins inside a value: this line has two, or the next is indented further; write each in its own line, indented like its neighbours',
  MISSING_CHAR:
    'a character is missing here, perhaps a colon, comma, bracket or closing quote; write "key: value" or [a, b]',
  MULTIPLE_DOCS: 'the file has more than one YAML document; remove what follows ---',
  NON_STRING_KEY: 'a key is a list or a map; write a plain word',
  RESOURCE_EXHAUSTION: 'the file is nested too deeply; write the keys of the documentation',
  TAB_AS_INDENT: 'a tab cannot indent; write blanks',
  TAG_RESOLVE_FAILED: 'YAML tags are not supported; write the value alone',
  UNEXPECTED_TOKEN:
    'this does not belong here; write one value for the key, in quotes if it has : # [ ] { or }',
};
const UNCLOSED =
  'a bracket above is not closed, or its end is not indented enough; write ] or } where it ends';
const NOT_YAML = 'this is not valid YAML; write lines of the form "key: value"';

type Mistake = { readonly offset: number; readonly text: string };

/** The first mistake: the others mostly follow from it. undefined: the document is a map. */
export function mistakeIn(
  { errors, warnings, contents }: Document.Parsed,
  text: string,
): (Mistake & { readonly code: string }) | undefined {
  const error = errors[0] ?? warnings[0];
  if (error === undefined && isMap(contents)) return undefined;
  const offset = error?.pos[0] ?? contents?.range[0] ?? 0;
  return {
    code: error === undefined ? 'not_a_map' : `yaml_${error.code.toLowerCase()}`,
    ...(causeAt(offset, text) ?? { offset, text: sentenceOf(error) }),
  };
}

function sentenceOf(
  error: Document.Parsed['errors'][number] | Document.Parsed['warnings'][number] | undefined,
) {
  if (error === undefined) return 'the file is not a map of keys; write lines such as "listen: 0.0.0.0:8080"';
  return /^Flow/.test(error.message) ? UNCLOSED : (SENTENCES[error.code] ?? NOT_YAML);
}

/** What helps more than the words for the first error. */
function causeAt(offset: number, text: string): Mistake | undefined {
  const other = OTHER_FORMAT.exec(text);
  if (other !== null)
    return {
      offset: other.index,
      text: 'this is not YAML: it looks like the file of another program (nats-server, Caddy, nginx), TOML or INI, which natsgate does not read; write lines such as "listen: 0.0.0.0:8080"',
    };
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  const line = text.slice(lineStart).split('\n', 1)[0] ?? '';
  const strange = strangeCharacter(line);
  if (strange === undefined) return tooDeep(text, lineStart);
  return {
    offset: lineStart + strange.at,
    text: `this line has ${strange.name}; write ${strange.write} in its place`,
  };
}

/** A key that is indented more than the complete line before it. */
function tooDeep(text: string, lineStart: number): Mistake | undefined {
  const lines = text.slice(lineStart).split('\n');
  const indent = (line = ''): number => line.search(/\S/);
  const next = lines.findIndex((line, index) => index > 0 && /^\s*[^\s#]/.test(line));
  const [above, below] = [indent(lines[0]), indent(lines[next])];
  if (next === -1 || below <= above || !/^\s*[\w.-]+:\s+\S/.test(lines[0] ?? '')) return undefined;
  const offset = lineStart + lines.slice(0, next).join('\n').length + 1 + below;
  return {
    offset,
    text: `the line is indented by ${below}, the one above by ${above}; indent lines that belong together alike`,
  };
}
