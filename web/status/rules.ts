import type { Rule } from '../../src/policy/rules.ts';

/** Why a rule of a policy refuses an operation. */
export const RULES: Readonly<Record<Rule, string>> = {
  publish_allow: 'nothing allows to publish there',
  publish_deny: 'publish.deny has the subject',
  subscribe_allow: 'nothing allows all of what the subscription asks for',
  subscribe_deny: 'subscribe.deny has some of what the subscription asks for',
  wildcards: 'wildcards are not allowed but in an inbox',
  replies: 'a reply must not be asked to there',
  headers: 'a header that the role must not send',
  payload: 'the message is larger than payload',
  subscriptions: 'more subscriptions than the role may have',
};
