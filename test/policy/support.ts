import { Span } from '../../src/nats/operation.ts';
import { readSubjectTemplate } from '../../src/nats/subject-template.ts';
import { Role } from '../../src/policy/role.ts';
import type { EntryTemplate, FeatureUse, RoleRules, Rule } from '../../src/policy/rules.ts';

type Lists = { readonly allow?: readonly string[] | undefined; readonly deny?: readonly string[] };
/** A role as a person writes it down. */
export type Written = Partial<Omit<RoleRules, 'publish' | 'subscribe' | 'use' | 'inbox'>> & {
  readonly publish?: Lists;
  readonly subscribe?: Lists;
  readonly use?: readonly FeatureUse[];
  readonly prefix?: string | undefined;
};

export const template = (text: string) => {
  const read = readSubjectTemplate(text);
  if (typeof read === 'string') throw new Error(`${text}: ${read}`);
  return read;
};

const entry = (text: string): EntryTemplate => {
  const [subject = '', queue] = text.split(' ');
  return { subject: template(subject), queue: queue === undefined ? undefined : template(queue) };
};

/** As in the configuration: without lists nothing is allowed, and with `deny` alone all else. */
const lists = ({ allow, deny = [] }: Lists) => ({
  allow: allow === undefined && deny.length > 0 ? undefined : (allow ?? []).map(entry),
  deny: deny.map(entry),
});

export const rulesOf = ({ publish = {}, subscribe = {}, prefix, ...more }: Written): RoleRules => ({
  name: 'default',
  match: { user: [], tenant: [], groups: [] },
  use: [],
  wildcards: 'covered',
  replies: 'inbox',
  inbox: prefix === undefined ? undefined : { prefix: template(prefix), idBytes: 16 },
  headers: { deny: [], allow: [] },
  maxPayloadBytes: 0,
  maxSubscriptions: 0,
  ...more,
  publish: lists(publish),
  subscribe: lists(subscribe),
});

export const roleOf = (written: Written, user?: string, tenant?: string): Role =>
  Role.of(rulesOf(written), user === undefined ? undefined : { user, tenant });

/** Asks a role about texts, with other bytes around them. */
export class Asked {
  readonly #role: Role;

  constructor(written: Written, user?: string, tenant?: string) {
    const role = roleOf(written, user, tenant);
    if (role.isUnusable) throw new Error('this identity is of no use');
    this.#role = role;
  }

  publish(subject: string): Rule | undefined {
    const { bytes, spans } = around(subject);
    return this.#role.judgePublish(bytes, spans[0] as Span);
  }

  reply(subject: string): Rule | undefined {
    const { bytes, spans } = around(subject);
    return this.#role.judgeReply(bytes, spans[0] as Span);
  }

  /** `SUB` arguments: subject, and queue after a blank. */
  subscribe(text: string): Rule | undefined {
    const [subject = '', queue = ''] = text.split(' ');
    const { bytes, spans } = around(subject, queue);
    return this.#role.judgeSubscribe(bytes, spans[0] as Span, spans[1] as Span);
  }

  /** The refused name. */
  header(block: string): string | undefined {
    const { bytes, spans } = around(block);
    const { headers } = this.#role;
    if (!headers.refuses(bytes, (spans[0] as Span).start, (spans[0] as Span).end)) return undefined;
    return bytes.toString('utf8', headers.nameStart, headers.nameEnd);
  }
}

function around(...texts: readonly string[]) {
  const parts = [Buffer.from('.*.'), ...texts.flatMap((text) => [Buffer.from(text), Buffer.from('.> *')])];
  const spans: Span[] = [];
  let at = 0;
  for (const [index, part] of parts.entries()) {
    const span = new Span();
    span.set(at, at + part.length);
    if (index % 2 === 1) spans.push(span);
    at += part.length;
  }
  return { bytes: Buffer.concat(parts), spans };
}
