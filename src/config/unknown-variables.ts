/** Environment variables that look like ours and are none: a misspelt one would go unnoticed. */
import { setVariable, VARIABLES } from './overrides.ts';
import { nearest } from './suggest.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What Kubernetes and Docker set for a Service called natsgate, or one whose name begins so: NATSGATE_SERVICE_HOST,
 * NATSGATE_PORT=tcp://…, NATSGATE_PORT_8080_TCP_ADDR.
 */
const SERVICE_LINK =
  /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
const LINKED_PORT = /^(tcp|udp|sctp):\/\//;

/** Name and sentence of each. `referred`: names that the file puts in by itself, which may be any. */
export function unknownVariables(
  env: Environment,
  referred: ReadonlySet<string>,
): readonly (readonly [name: string, text: string])[] {
  const names = Object.keys(env).filter(
    (name) =>
      name.startsWith('NATSGATE_') &&
      !VARIABLES.includes(name) &&
      !referred.has(name) &&
      setVariable(env, name) !== undefined &&
      !SERVICE_LINK.test(name) &&
      !(name.endsWith('_PORT') && LINKED_PORT.test(env[name] ?? '')),
  );
  return names.toSorted().map((name) => {
    const meant = nearest(name, VARIABLES);
    const remedy =
      meant === undefined ? `the known ones are ${VARIABLES.join(', ')}` : `did you mean ${meant}?`;
    return [name, `natsgate has no such variable; ${remedy}`] as const;
  });
}
