import type { JetStreamFeature } from '../nats/jetstream-subjects.ts';
import type { IdentityTemplate } from '../nats/name-template.ts';

/** What a policy says, as it is configured. */
export type PolicyRules = {
  /** `observe`: what `enforce` would refuse is counted, and passes. */
  readonly mode: 'observe' | 'enforce';
  /** The first that fits a client is its role. */
  readonly roles: readonly RoleRules[];
  readonly onDeny: 'error' | 'close';
  /** More refusals than that within the time end the session; undefined: any number. */
  readonly denialsBeforeClose: { readonly count: number; readonly perMs: number } | undefined;
};

/** Pattern of subjects; with a queue only for subscriptions with one. */
export type EntryTemplate = {
  readonly subject: IdentityTemplate;
  readonly queue: IdentityTemplate | undefined;
};

export type SubjectLists = {
  /** undefined: all but `deny`. */
  readonly allow: readonly EntryTemplate[] | undefined;
  readonly deny: readonly EntryTemplate[];
};

export type RoleRules = {
  readonly name: string;
  /** Each list that is not empty must have what the client is; all empty: see `Roles`. */
  readonly match: {
    readonly user: readonly string[];
    readonly tenant: readonly string[];
    readonly groups: readonly string[];
  };
  readonly publish: SubjectLists;
  readonly subscribe: SubjectLists;
  readonly use: readonly FeatureUse[];
  /** `literal`: no SUB with wildcards but of the client's inbox. */
  readonly wildcards: 'covered' | 'literal';
  /** Where replies may be asked to: an inbox; or also where the role may publish; or anywhere. */
  readonly replies: 'inbox' | 'publish' | 'any';
  /** undefined: there is none. */
  readonly inbox: { readonly prefix: IdentityTemplate; readonly idBytes: number } | undefined;
  /** Names; one with `*` at its end is a beginning. `allow`: exceptions to `deny`. */
  readonly headers: { readonly deny: readonly string[]; readonly allow: readonly string[] };
  /** 0: what the server allows. */
  readonly maxPayloadBytes: number;
  /** 0: any number. */
  readonly maxSubscriptions: number;
};

/** `first` is a stream or bucket, or a pattern for `streamWrite`; `second` is empty where the feature has one part. */
export type FeatureUse = {
  readonly feature: JetStreamFeature;
  readonly first: IdentityTemplate;
  readonly second: IdentityTemplate;
};

/** What refused an operation: label values of natsgate_policy_verdicts_total. */
export const RULES = [
  'publish_allow',
  'publish_deny',
  'subscribe_allow',
  'subscribe_deny',
  'wildcards',
  'replies',
  'headers',
  'payload',
  'subscriptions',
] as const;
export type Rule = (typeof RULES)[number];
