import { NatsParser } from '../nats/parser.ts';
import type { TemplateIdentity } from '../nats/subject-template.ts';
import { entryText, useText } from '../policy/entry-text.ts';
import { nothing, Role } from '../policy/role.ts';
import { DEFAULT_ROLE, placeholdersOf, Roles } from '../policy/roles.ts';
import type { PolicyRules, RoleRules, Rule } from '../policy/rules.ts';
import { MAX_HELD_HEADER_BYTES, subjectPolicy } from './subject-policy.ts';

/** One operation of a client, as far as a policy looks at it. */
export type TriedOperation = {
  readonly verb: 'PUB' | 'SUB';
  readonly subject: string;
  /** Of PUB the reply, of SUB the queue; empty: none. */
  readonly second: string;
  readonly bytes: number;
  /** Names. */
  readonly headers: readonly string[];
};

/** `role`: undefined where it follows from the others, as for a session; without `user` nobody is known. */
export type TriedClient = Partial<TemplateIdentity> & {
  readonly role?: string | undefined;
  readonly groups?: readonly string[];
};

/** Why the client or its operation cannot be tried. */
export class NoSuchClient extends Error {}

/** `PUB orders.new 100 Trace:`, `SUB jobs workers`: as on the wire; a number is the size, what ends with a colon a header's name. */
export function operationIn(text: string): TriedOperation | undefined {
  const [verb = '', subject, ...more] = text.split(/\s+/);
  if (subject === undefined || (verb !== 'PUB' && verb !== 'SUB')) return undefined;
  const headers = more.filter((word) => word.endsWith(':')).map((word) => word.slice(0, -1));
  const bytes = more.find((word) => /^\d{1,9}$/.test(word));
  const others = more.filter((word) => !word.endsWith(':') && word !== bytes);
  if (others.length > 1 || (verb === 'SUB' && (headers.length > 0 || bytes !== undefined))) return undefined;
  return { verb, subject, second: others[0] ?? '', bytes: Number(bytes ?? 0), headers };
}

/**
 * What the policy says to one operation of a client, by the code that sessions run; undefined: it passes.
 *
 * @throws NoSuchClient
 */
export const tried = (rules: PolicyRules, client: TriedClient, operation: TriedOperation): Rule | undefined =>
  judged(rules, roleOf(rules, client), operation);

/**
 * The same with the role, and with the entry that alone would decide so, as `publish.deny: orders.>`; undefined: no one.
 *
 * @throws NoSuchClient
 */
export function explained(rules: PolicyRules, client: TriedClient, operation: TriedOperation) {
  const role = roleOf(rules, client);
  const rule = judged(rules, role, operation);
  const { user = 'user', tenant } = client;
  const entry = alone(role.rules, rule, operation.verb).find(
    ({ only }) => judged(rules, Role.of(only, { user, tenant }), operation) === rule,
  );
  return { role: role.rules.name, rule, entry: entry?.text };
}

/** undefined: it passes. */
function judged(rules: PolicyRules, role: Role, operation: TriedOperation): Rule | undefined {
  let found: Rule | undefined;
  const policy = subjectPolicy(role, { ...rules, mode: 'observe' }, (rule) => {
    found = rule;
  });
  const parser = new NatsParser('to_upstream', {
    sink: {
      onOperation: (one) => {
        policy.judge?.(one, { nonce: undefined });
        return undefined;
      },
    },
    reportMessages: true,
    assembleLines: true,
    maxHeldHeaderBytes: MAX_HELD_HEADER_BYTES,
  });
  const bytes = Buffer.from(wireOf(operation));
  parser.parse(bytes, 0, bytes.length);
  if (parser.error !== undefined)
    throw new NoSuchClient(`nats-server would not read it: ${parser.error.expected}`);
  return found;
}

/** The role with each of the entries alone that may have decided so. */
function* alone(role: RoleRules, rule: Rule | undefined, verb: TriedOperation['verb']) {
  const list = verb === 'PUB' ? 'publish' : 'subscribe';
  const { allow, deny } = role[list];
  if (rule?.endsWith('_deny'))
    for (const one of deny)
      yield { text: `${list}.deny: ${entryText(one)}`, only: { ...role, [list]: { allow, deny: [one] } } };
  if (rule !== undefined) return;
  const none: RoleRules = { ...role, replies: 'any', use: [], [list]: { allow: [], deny } };
  if (verb === 'SUB') yield { text: 'inbox', only: none };
  for (const one of allow ?? [])
    yield { text: `${list}.allow: ${entryText(one)}`, only: { ...none, [list]: { allow: [one], deny } } };
  for (const one of role.use) yield { text: `use: ${useText(one)}`, only: { ...none, use: [one] } };
}

function roleOf(policy: PolicyRules, { role: name, user, tenant, groups = [] }: TriedClient): Role {
  const known = policy.roles.find((one) => one.name === name);
  if (name !== undefined && known === undefined && name !== DEFAULT_ROLE)
    throw new NoSuchClient(
      `there is no role ${name}; there are ${policy.roles.map((one) => one.name).join(', ')}`,
    );
  const role =
    name === undefined
      ? new Roles(policy).of(user === undefined ? undefined : { identity: { user, tenant, groups } })
      : Role.of(known ?? nothing(name), { user: user ?? 'user', tenant });
  if (!role.isUnusable) return role;
  const rules = policy.roles.find((one) => one.name === role.rules.name) ?? role.rules;
  const needed = [...placeholdersOf(rules)].map((value) => `${value}=…`).join(', ');
  throw new NoSuchClient(`role ${rules.name} needs ${needed}, each one token of a subject`);
}

/** The line, and headers; the payload is not looked at. */
function wireOf({ verb, subject, second, bytes, headers }: TriedOperation): string {
  if (verb === 'SUB') return `SUB ${subject} ${second} 1\r\n`;
  if (headers.length === 0) return `PUB ${subject} ${second} ${bytes}\r\n`;
  const block = `NATS/1.0\r\n${headers.map((name) => `${name}: x\r\n`).join('')}\r\n`;
  return `HPUB ${subject} ${second} ${block.length} ${Math.max(bytes, block.length)}\r\n${block}`;
}
