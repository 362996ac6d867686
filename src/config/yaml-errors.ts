/**
 * Our sentences for the errors of the YAML parser. Its own ones are not used: they repeat pieces of the text,
 * and with them whatever secret stands there.
 */

const SENTENCES: Readonly<Record<string, string>> = {
  BAD_DQ_ESCAPE: 'a backslash in double quotes begins no known escape; write the value in single quotes',
  BAD_INDENT: 'the indentation does not fit the lines above; indent lines that belong together alike',
  BAD_SCALAR_START: 'a value cannot begin with this character; write it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second key stands in this line; write each key in its own line',
  MISSING_CHAR:
    'a character is missing here, perhaps a colon, comma or bracket; write "key: value" or [a, b]',
  NON_STRING_KEY: 'a list or map stands as a key; write a plain word',
  TAB_AS_INDENT: 'a tab cannot indent; write blanks',
  UNEXPECTED_TOKEN:
    'this does not belong here; write one value for the key, in quotes if it holds : # [ ] { or }',
};

/** What is wrong and what to write, for an error code of the package yaml. */
export function yamlErrorText(code: string): string {
  return Object.hasOwn(SENTENCES, code)
    ? (SENTENCES[code] ?? '')
    : 'this is not valid YAML; write lines of the form "key: value"';
}
