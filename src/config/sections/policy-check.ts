import { Span } from '../../nats/operation.ts';
import { Role } from '../../policy/role.ts';
import { DEFAULT_ROLE, placeholdersOf } from '../../policy/roles.ts';
import type { RoleRules } from '../../policy/rules.ts';
import type { Path } from '../path.ts';
import type { AuthValues } from './auth.ts';
import type { Check } from './check.ts';
import { type PolicyValues, type RoleValues, rulesOf } from './policy.ts';

const EVERY_INBOX = Buffer.from('_INBOX.>');
const SOMEBODY = { user: 'a', tenant: 'b' };

export function checkPolicy(
  values: PolicyValues | undefined,
  auth: AuthValues | undefined,
  check: Check,
): void {
  if (values === undefined) return;
  const names = values.roles.map(({ name }) => name);
  for (const [index, role] of values.roles.entries()) {
    const path = ['policy', 'roles', index];
    if (names.indexOf(role.name) < index)
      check.problem('role_repeated', [...path, 'name'], 'a role before this one has the name; write another');
    checkUses(role, path, check);
    checkWho(role, auth, path, check);
    checkInbox(role, path, check);
  }
}

function checkUses({ use }: RoleValues, path: Path, { problem }: Check): void {
  for (const [index, one] of (use ?? []).entries())
    if (Object.values(one).filter((value) => value !== undefined).length !== 1)
      problem('one_feature', [...path, 'use', index], 'an entry is one feature; write one key in it');
}

/** Whether what the role is matched by, and what its subjects are made of, can be known. */
function checkWho(role: RoleValues, auth: AuthValues | undefined, path: Path, { problem }: Check): void {
  const rules = rulesOf(role);
  const { user, tenant, groups } = role.match;
  const isMatched = user.length + tenant.length + groups.length > 0;
  if (role.name === DEFAULT_ROLE && isMatched)
    problem(
      'default_role',
      [...path, 'match'],
      'default is for all who have no other role; remove match, or write another name',
    );
  if (auth === undefined && role.name !== DEFAULT_ROLE)
    problem(
      'role_without_auth',
      path,
      'without auth nobody is known, and all have the role default; write auth, or name: default',
    );
  else if (role.name !== DEFAULT_ROLE && !isMatched && auth?.webhook === undefined)
    problem('role_of_nobody', path, 'nobody can have this role; write match, such as groups: traders');
  const needed = placeholdersOf(rules);
  const anonymous = auth === undefined || auth.required === 'off';
  if (role.name === DEFAULT_ROLE && anonymous && needed.size > 0)
    problem(
      'role_needs_identity',
      path,
      'this role is also for clients of whom nobody knows who they are, so it can have no placeholders; write auth.required: on, or another role with match',
    );
  if (auth === undefined || auth.webhook !== undefined) return;
  if (auth.identity.tenant === undefined && (needed.has('tenant') || tenant.length > 0))
    problem('claim_unknown', path, 'nothing says which claim is the tenant; write auth.identity.tenant');
  if (auth.identity.groups === undefined && groups.length > 0)
    problem(
      'claim_unknown',
      [...path, 'match', 'groups'],
      'nothing says which claim has the groups; write auth.identity.groups',
    );
}

function checkInbox(role: RoleValues, path: Path, { problem, warning }: Check): void {
  const rules: RoleRules = rulesOf(role);
  if (rules.inbox === undefined && rules.replies === 'inbox')
    problem(
      'no_inbox',
      [...path, 'inbox'],
      'without inboxes no reply can be asked for; write replies: publish or any, or remove inbox: off',
    );
  const subject = new Span();
  subject.set(0, EVERY_INBOX.length);
  if (Role.of(rules, SOMEBODY).judgeSubscribe(EVERY_INBOX, subject, new Span()) === undefined)
    warning(
      'inboxes_readable',
      [...path, 'subscribe'],
      'this role may subscribe to _INBOX.>, and so read the replies to all others; allow less',
    );
}
