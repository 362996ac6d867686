import { MAX_HELD_HEADER_BYTES, subjectPolicy } from '../inspect/subject-policy.ts';
import { NatsParser } from '../nats/parser.ts';
import type { TemplateIdentity } from '../nats/subject-template.ts';
import { nothing, Role } from '../policy/role.ts';
import { DEFAULT_ROLE, placeholdersOf } from '../policy/roles.ts';
import type { PolicyRules, Rule } from '../policy/rules.ts';

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

export type TriedClient = { readonly role: string } & Partial<TemplateIdentity>;

/** Why the client cannot be tried. */
export class NoSuchClient extends Error {}

/**
 * What the policy says to one operation of a client with this role, by the code that sessions run; undefined: it passes.
 *
 * @throws NoSuchClient
 */
export function tried(rules: PolicyRules, client: TriedClient, operation: TriedOperation): Rule | undefined {
  let found: Rule | undefined;
  const policy = subjectPolicy(roleOf(rules, client), { ...rules, mode: 'observe' }, (rule) => {
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

function roleOf({ roles }: PolicyRules, { role: name, user = 'user', tenant }: TriedClient): Role {
  const known = roles.find((one) => one.name === name);
  if (known === undefined && name !== DEFAULT_ROLE)
    throw new NoSuchClient(`there is no role ${name}; there are ${roles.map((one) => one.name).join(', ')}`);
  const rules = known ?? nothing(name);
  const role = Role.of(rules, { user, tenant });
  if (!role.isUnusable) return role;
  const needed = [...placeholdersOf(rules)].map((value) => `${value}=…`).join(', ');
  throw new NoSuchClient(`role ${name} needs ${needed}, each one token of a subject`);
}

/** The line, and headers; the payload is not looked at. */
function wireOf({ verb, subject, second, bytes, headers }: TriedOperation): string {
  if (verb === 'SUB') return `SUB ${subject} ${second} 1\r\n`;
  if (headers.length === 0) return `PUB ${subject} ${second} ${bytes}\r\n`;
  const block = `NATS/1.0\r\n${headers.map((name) => `${name}: x\r\n`).join('')}\r\n`;
  return `HPUB ${subject} ${second} ${block.length} ${Math.max(bytes, block.length)}\r\n${block}`;
}
