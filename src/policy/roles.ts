import type { IdentityValue } from '../nats/name-template.ts';
import type { TemplateIdentity } from '../nats/subject-template.ts';
import { nothing, Role } from './role.ts';
import type { PolicyRules, RoleRules } from './rules.ts';

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
  readonly #compiled = new Map<string, Role>();

  constructor({ roles }: PolicyRules) {
    this.#rules = roles;
  }

  /**
   * The role of the name that the webhook says; else the first that matches; else `default`. One that allows nothing where
   * who the client is cannot be a part of the role's subjects.
   */
  of(client: RoleClient | undefined): Role {
    const rules =
      this.#rules.find(({ name }) => client?.role === name) ??
      this.#rules.find((one) => client !== undefined && matches(one, client)) ??
      this.#rules.find(({ name }) => name === DEFAULT_ROLE) ??
      nothing(DEFAULT_ROLE);
    const identity = placeholdersOf(rules).size > 0 ? client?.identity : undefined;
    const key = JSON.stringify([rules.name, identity?.user, identity?.tenant]);
    const role = this.#compiled.get(key) ?? Role.of(rules, identity);
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

/** What of the identity its subjects are made of. */
export function placeholdersOf({ publish, subscribe, use, inbox }: RoleRules): ReadonlySet<IdentityValue> {
  const entries = [publish, subscribe].flatMap(({ allow, deny }) => [...(allow ?? []), ...deny]);
  const templates = [
    ...entries.flatMap(({ subject, queue }) => [subject, queue ?? []]),
    ...use.flatMap(({ first, second }) => [first, second]),
    inbox?.prefix ?? [],
  ];
  return new Set(templates.flat().flatMap((part) => (typeof part === 'string' ? [] : [part.value])));
}
