/** Values of `policy`: patterns of subjects, names of roles, streams and headers. */
import { type IdentityTemplate, TOKEN_VALUES } from '../nats/name-template.ts';
import { readSubjectTemplate } from '../nats/subject-template.ts';
import type { EntryTemplate, FeatureUse, PolicyRules } from '../policy/rules.ts';
import { quote } from './text.ts';
import { count, duration, isOff, type Reading, right, type ValueParser, wrong } from './values.ts';

const MAX_DENIALS = 100_000;
const PLACEHOLDERS = TOKEN_VALUES.map((value) => `{${value}}`).join(' or ');

export const roleName: ValueParser<string> = {
  expected: 'a name of at most 32 letters, digits, - and _',
  read: (text) =>
    /^[A-Za-z0-9_-]{1,32}$/.test(text)
      ? right(text)
      : wrong('role_name', `${quote(text)} is not the name of a role`, roleName.expected),
};

function templateIn(text: string, expected: string): Reading<IdentityTemplate> {
  const template = readSubjectTemplate(text);
  if (template === 'unknown')
    return wrong('unknown_placeholder', `braces in ${quote(text)} are not around ${PLACEHOLDERS}`, expected);
  return template === 'wrong'
    ? wrong('subject', `${quote(text)} is not a pattern of subjects`, expected)
    : right(template);
}

const PATTERN = 'a pattern of subjects, such as orders.{tenant}.>';

/** To publish to, which knows no queues. */
export const publishEntry: ValueParser<EntryTemplate> = {
  expected: PATTERN,
  read: (text) => {
    const subject = templateIn(text, PATTERN);
    return subject.ok ? right({ subject: subject.value, queue: undefined }) : subject;
  },
};

export const subscribeEntry: ValueParser<EntryTemplate> = {
  expected: `${PATTERN}, or with a queue after a blank`,
  read: (text) => {
    const [first = '', second, ...more] = text.split(' ');
    const subject = templateIn(first, subscribeEntry.expected);
    if (!subject.ok || second === undefined)
      return subject.ok ? right({ subject: subject.value, queue: undefined }) : subject;
    const queue = templateIn(second, subscribeEntry.expected);
    if (more.length > 0)
      return wrong('subject', `${quote(text)} has more than a subject and a queue`, subscribeEntry.expected);
    return queue.ok ? right({ subject: subject.value, queue: queue.value }) : queue;
  },
};

/** A stream or a bucket: one token without wildcards. */
const nameIn = (text: string, expected: string): Reading<IdentityTemplate> => {
  const isName = /^[^.*>/]+$/.test(text);
  return isName ? templateIn(text, expected) : wrong('stream_name', `${quote(text)} is not a name`, expected);
};

type Parts = Omit<FeatureUse, 'feature'>;

export const streamName: ValueParser<Parts> = {
  expected: 'the name of a stream or bucket',
  read: (text) => parts(nameIn(text, streamName.expected), right([])),
};

export const subjects: ValueParser<Parts> = {
  expected: PATTERN,
  read: (text) => parts(templateIn(text, PATTERN), right([])),
};

export const streamConsumer: ValueParser<Parts> = {
  expected: 'a stream and a consumer, such as ORDERS/web-{user}',
  read: (text) => halves(text, streamConsumer.expected, nameIn),
};

export const bucketKeys: ValueParser<Parts> = {
  expected: 'a bucket and a pattern of keys, such as settings/{user}.>',
  read: (text) => halves(text, bucketKeys.expected, templateIn),
};

function halves(text: string, expected: string, readSecond: typeof templateIn): Reading<Parts> {
  const at = text.indexOf('/');
  if (at < 0) return wrong('no_slash', `${quote(text)} has no /`, expected);
  return parts(nameIn(text.slice(0, at), expected), readSecond(text.slice(at + 1), expected));
}

function parts(first: Reading<IdentityTemplate>, second: Reading<IdentityTemplate>): Reading<Parts> {
  if (!first.ok) return first;
  return second.ok ? right({ first: first.value, second: second.value }) : second;
}

/** undefined: off. */
export const inboxPrefix: ValueParser<IdentityTemplate | undefined> = {
  expected: 'off, or the tokens that inboxes begin with, such as _INBOX or _INBOX.{user}',
  read: (text) => {
    if (isOff(text)) return right(undefined);
    return /[*>]/.test(text)
      ? wrong('subject', `${quote(text)} has a wildcard`, inboxPrefix.expected)
      : templateIn(text, inboxPrefix.expected);
  },
};

export const headerPattern: ValueParser<string> = {
  expected: 'the name of a header, or the beginning of names with * after it',
  read: (text) =>
    /^[A-Za-z0-9!#$%&'+.^_`|~-]{0,128}\*?$/.test(text) && text !== ''
      ? right(text)
      : wrong('header_name', `${quote(text)} is not a name of headers`, headerPattern.expected),
};

/** undefined: off. */
export const denials: ValueParser<PolicyRules['denialsBeforeClose']> = {
  expected: 'off, or a number and the time that it is for, such as 100/1m',
  read: (text) => {
    if (isOff(text)) return right(undefined);
    const [times = '', time = '', ...more] = text.split('/');
    const number = count(1, MAX_DENIALS).read(times);
    const per = duration('1s', '1h', '1m').read(time);
    if (!number.ok || !per.ok || more.length > 0 || number.value === undefined)
      return wrong('not_a_rate', `${quote(text)} is not a number in a time`, denials.expected);
    return right({ count: number.value, perMs: per.value });
  },
};
