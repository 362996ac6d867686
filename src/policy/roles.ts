import { needsIdentity, type TemplateIdentity } from '../nats/subject-template.ts';
import { Role } from './role.ts';
import type { EntryTemplate, PolicyRules, RoleRules } from './rules.ts';

/** What of a grant decides which role a client has. */
export type RoleClient = {
  readonly identity: TemplateIdentity & { readonly groups: readonly string[] };
  /** What the webhook says. */
  readonly role?: string | undefined;
};

/** The role of all who have no other. */
export const DEFAULT_ROLE = 'default';
const MAX_COMPILED = 10_000;

/** The roles of one policy. Each is compiled once for all who are the same for it. */
export class Roles {
  readonly #rules: readonly RoleRules[];
  /** By role and identity, the one used last at the end. */
  readonly #compiled = new Map<string, Role | undefined>();

  constructor({ roles }: PolicyRules) {
    this.#rules = roles;
  }

  /**
   * The role of the name that the webhook says; else the first that matches; else `default`. undefined: who the client is
   * cannot be a part of the role's subjects.
   */
  of(client: RoleClient | undefined): Role | undefined {
    const rules =
      this.#rules.find(({ name }) => client?.role === name) ??
      this.#rules.find((one) => client !== undefined && matches(one, client)) ??
      this.#rules.find(({ name }) => name === DEFAULT_ROLE) ??
      NOTHING;
    const identity = roleNeedsIdentity(rules) ? client?.identity : undefined;
    const key = JSON.stringify([rules.name, identity?.user, identity?.tenant]);
    const known = this.#compiled.has(key);
    const role = known ? this.#compiled.get(key) : Role.of(rules, identity);
    this.#compiled.delete(key);
    this.#compiled.set(key, role);
    if (this.#compiled.size > MAX_COMPILED) {
      const [oldest = ''] = this.#compiled.keys();
      this.#compiled.delete(oldest);
    }
    return role;
  }
}

/** A key of `match` that is not there does not count; without any key nobody matches. */
function matches({ match: { user, tenant, groups } }: RoleRules, { identity }: RoleClient): boolean {
  const isOne = (list: readonly string[], value: string | undefined): boolean =>
    list.length === 0 || (value !== undefined && list.includes(value));
  return (
    user.length + tenant.length + groups.length > 0 &&
    isOne(user, identity.user) &&
    isOne(tenant, identity.tenant) &&
    (groups.length === 0 || groups.some((group) => identity.groups.includes(group)))
  );
}

/** Whether its subjects have placeholders. */
export function roleNeedsIdentity({ publish, subscribe, use, inbox }: RoleRules): boolean {
  const entries = [publish, subscribe].flatMap(({ allow, deny }) => [...(allow ?? []), ...deny]);
  return (
    entries.some(
      ({ subject, queue }: EntryTemplate) => needsIdentity(subject) || needsIdentity(queue ?? []),
    ) ||
    use.some(({ first, second }) => needsIdentity(first) || needsIdentity(second)) ||
    (inbox !== undefined && needsIdentity(inbox.prefix))
  );
}

/** Of a client without a role. */
const NOTHING: RoleRules = {
  name: DEFAULT_ROLE,
  match: { user: [], tenant: [], groups: [] },
  publish: { allow: [], deny: [] },
  subscribe: { allow: [], deny: [] },
  use: [],
  wildcards: 'covered',
  replies: 'inbox',
  inbox: undefined,
  headers: { deny: [], allow: [] },
  maxPayloadBytes: 0,
  maxSubscriptions: 0,
};
