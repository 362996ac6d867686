/** A path of keys and list indexes into a configuration. */
export type Path = readonly (string | number)[];

/** As messages show it: `routes[0].limits.frameBytes`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}
