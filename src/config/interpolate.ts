/** `${NAME}`, `${NAME:-default}` and `$$` in values. It works on the parsed value, never on the text of the file. */

export type Interpolated =
  /** `names` is what a message shows for the value (`${NAME}`); undefined when nothing was put in. */
  | { readonly ok: true; readonly text: string; readonly names: string | undefined }
  | { readonly ok: false; readonly what: string; readonly write: string };

type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$(?:\$|\{([^}]*)(\}?))/g;
const NAME = /^([A-Za-z_][A-Za-z0-9_]{0,127})(?::-(.*))?$/s;

/**
 * Puts in variables. As in a shell, `:-` also replaces an empty one, and `$$` is one `$`; a `$` before
 * anything but `{` or `$` is itself. What is put in is not looked through again.
 */
export function interpolate(text: string, environment: Environment): Interpolated {
  const names: string[] = [];
  let failure: { what: string; write: string } | undefined;
  const result = text.replace(REFERENCE, (whole, reference: string | undefined, end: string | undefined) => {
    if (whole === '$$') return '$';
    const [, name, preset] = NAME.exec(reference ?? '') ?? [];
    if (end !== '}' || name === undefined || preset?.includes('${')) {
      failure ??= {
        what: 'a ${ begins no reference to a variable',
        write: `\${NAME} or \${NAME:-default}, or $\${ for the characters themselves`,
      };
      return '';
    }
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (value === undefined && preset === undefined) {
      failure ??= {
        what: `the environment variable ${name} is not set`,
        write: `\${${name}:-default}, or set it`,
      };
      return '';
    }
    names.push(`\${${name}}`);
    return preset !== undefined && (value === undefined || value === '') ? preset : (value ?? '');
  });
  if (failure !== undefined) return { ok: false, ...failure };
  return { ok: true, text: result, names: names.length === 0 ? undefined : listed(names) };
}

/** A value made of many variables is named by the first few. */
function listed(names: readonly string[]): string {
  const different = [...new Set(names)];
  return different.length > 3 ? `${different.slice(0, 3).join(', ')} and others` : different.join(' and ');
}
