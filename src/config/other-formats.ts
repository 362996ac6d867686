/** Files of other programs, which are given to natsgate by mistake: one sentence in place of one for each line. */

const FORMATS: readonly { readonly line: RegExp; readonly text: string }[] = [
  {
    line: /^[ \t]*[^\s:#{}"'[-][^:#{}\n]*\{[ \t]*(#.*)?$/m,
    text: 'this is not YAML: blocks such as "name {" are of other programs (nats-server, Caddy, nginx), whose files natsgate does not read; write lines such as "listen: 0.0.0.0:8080"',
  },
  {
    line: /^[ \t]*(\[[\w.-]+\]|[\w.-]+[ \t]*=[ \t]*\S.*)[ \t]*$/m,
    text: 'this is not YAML but looks like TOML or INI; write "key: value" in place of "key = value"',
  },
];

const ANY_KEY = /^[ \t]*(- )?[ \t]*["']?[\w.$-]+["']?[ \t]*:([ \t]|$)/m;
const ANY_TEXT = /^[ \t]*[^\s#]/m;

/** What to say of the whole of a text that could not be read as YAML; undefined: it may be YAML with mistakes. */
export function otherFormat(text: string): { readonly offset: number; readonly text: string } | undefined {
  for (const { line, text: sentence } of FORMATS) {
    const found = line.exec(text);
    if (found !== null) return { offset: found.index, text: sentence };
  }
  const first = ANY_TEXT.exec(text);
  // Brackets and quotes have their own mistakes; `- ` begins a list, which is YAML.
  if (first === null || ANY_KEY.test(text) || /^[ \t]*([[\]{"'%]|- )/.test(text.slice(first.index)))
    return undefined;
  return {
    offset: first.index,
    text: 'no line of this file has a key, so it is not the YAML of natsgate; write lines such as "listen: 0.0.0.0:8080"',
  };
}
