import { featureOf } from '../nats/jetstream-subjects.ts';
import type { IdentityTemplate } from '../nats/name-template.ts';
import type { Span } from '../nats/operation.ts';
import { SubjectPattern, SubjectTokens } from '../nats/subject.ts';
import { fillSubjectTemplate, type TemplateIdentity } from '../nats/subject-template.ts';
import { HeaderRule } from './header-rule.ts';
import { Permissions } from './permissions.ts';
import type { FeatureUse, RoleRules, Rule } from './rules.ts';

/** Of the subject that is looked at. */
const tokens = new SubjectTokens();

/** What one role lets a client do. Asked about the bytes of an operation where they are; answers with what refuses it. */
export class Role {
  readonly rules: RoleRules;
  readonly headers: HeaderRule;
  /** It allows nothing, since who the client is cannot be a part of its subjects. */
  readonly isUnusable: boolean;
  readonly #publish: Permissions;
  readonly #subscribe: Permissions;
  readonly #inbox: Inbox | undefined;

  private constructor(
    rules: RoleRules,
    publish: Permissions,
    subscribe: Permissions,
    inbox: Inbox | undefined,
    isUnusable: boolean,
  ) {
    this.isUnusable = isUnusable;
    this.rules = rules;
    this.#publish = publish;
    this.#subscribe = subscribe;
    this.#inbox = inbox;
    const ofFeatures = rules.use.flatMap(({ feature }) => featureOf(feature).headers ?? []);
    this.headers = new HeaderRule(rules.headers, ofFeatures);
  }

  /** `identity`: what its placeholders are filled with, each value one literal token of a subject. */
  static of(rules: RoleRules, identity: TemplateIdentity | undefined): Role {
    return (
      Role.#filled(rules, identity, false) ?? (Role.#filled(nothing(rules.name), undefined, true) as Role)
    );
  }

  static #filled(
    rules: RoleRules,
    identity: TemplateIdentity | undefined,
    isUnusable: boolean,
  ): Role | undefined {
    const features = rules.use.map((use) => publishesOf(use, identity));
    const inbox = rules.inbox && Inbox.of(rules.inbox.prefix, rules.inbox.idBytes, identity);
    const also = features.flatMap((subjects) => subjects ?? []);
    const publish = Permissions.of(rules.publish, also, identity);
    const subscribe = Permissions.of(rules.subscribe, [], identity);
    if (features.includes(undefined) || (rules.inbox !== undefined && inbox === undefined)) return undefined;
    if (publish === undefined || subscribe === undefined) return undefined;
    return new Role(rules, publish, subscribe, inbox, isUnusable);
  }

  judgePublish(bytes: Buffer, { start, end }: Span): Rule | undefined {
    const subject = tokens.read(bytes, start, end);
    if (subject.hasEmpty || !this.#publish.allows(subject)) return 'publish_allow';
    return this.#publish.denies(subject) ? 'publish_deny' : undefined;
  }

  /** Where a message asks for its reply. */
  judgeReply(bytes: Buffer, reply: Span): Rule | undefined {
    const { replies } = this.rules;
    if (replies === 'any') return undefined;
    const isInbox = this.#inbox?.has(tokens.read(bytes, reply.start, reply.end)) === true;
    if (isInbox && !tokens.hasWildcard) return undefined;
    return replies === 'publish' && this.judgePublish(bytes, reply) === undefined ? undefined : 'replies';
  }

  judgeSubscribe(bytes: Buffer, { start, end }: Span, queue: Span): Rule | undefined {
    const subject = tokens.read(bytes, start, end);
    if (subject.hasEmpty) return 'subscribe_allow';
    // Nobody shares an inbox with a queue.
    const isInbox = queue.length === 0 && this.#inbox?.has(subject) === true;
    if (subject.hasWildcard && !isInbox && this.rules.wildcards === 'literal') return 'wildcards';
    const permissions = this.#subscribe;
    if (queue.length === 0) {
      if (!isInbox && !permissions.allows(subject)) return 'subscribe_allow';
      return permissions.denies(subject) ? 'subscribe_deny' : undefined;
    }
    if (!permissions.allowsQueue(subject, bytes, queue.start, queue.end)) return 'subscribe_allow';
    return permissions.deniesQueue(subject, bytes, queue.start, queue.end) ? 'subscribe_deny' : undefined;
  }
}

/** Subjects that begin with a prefix, and then a name that nobody can guess. */
class Inbox {
  readonly #prefix: SubjectPattern;
  readonly #idBytes: number;

  private constructor(prefix: SubjectPattern, idBytes: number) {
    this.#prefix = prefix;
    this.#idBytes = idBytes;
  }

  static of(prefix: IdentityTemplate, idBytes: number, identity: TemplateIdentity | undefined) {
    const text = fillSubjectTemplate(prefix, identity);
    return text === undefined ? undefined : new Inbox(new SubjectPattern(text), idBytes);
  }

  has(subject: SubjectTokens): boolean {
    const prefix = this.#prefix;
    return prefix.begins(subject) && !subject.hasEmpty && subject.lengthAt(prefix.count) >= this.#idBytes;
  }
}

function publishesOf({ feature, first, second }: FeatureUse, identity: TemplateIdentity | undefined) {
  const a = fillSubjectTemplate(first, identity);
  const b = fillSubjectTemplate(second, identity);
  return a === undefined || b === undefined ? undefined : featureOf(feature).publishes(a, b);
}

/** A role that allows nothing. */
export const nothing = (name: string): RoleRules => ({
  name,
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
});
