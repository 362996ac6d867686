import { subjectProblem } from './subject.ts';

/** What of the page is in its address, so that it can be reloaded, kept and passed on. */
export type Place = {
  readonly subject: string | undefined;
  readonly payload: string | undefined;
  /** Undefined: the address says nothing of subscriptions. */
  readonly subscriptions: readonly Wish[] | undefined;
};
export type Wish = { readonly subject: string; readonly queue: string };

/** An address that is longer is cut by what it is pasted into. */
const MAX_PAYLOAD = 1_000;
const MAX_SUBSCRIPTIONS = 20;

/** Reads the part of an address after its `#`; what is no subject is left out. */
export function readPlace(hash: string): Place {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const subject = fields.get('subject') ?? undefined;
  const wishes = fields.getAll('sub').slice(0, MAX_SUBSCRIPTIONS).map(readWish);
  return {
    subject: subject === undefined || subjectProblem(subject, 'publish') !== undefined ? undefined : subject,
    payload: fields.get('payload')?.slice(0, MAX_PAYLOAD),
    subscriptions: fields.has('sub')
      ? wishes.filter(({ subject, queue }) => !/\s/.test(queue) && !subjectProblem(subject, 'subscribe'))
      : undefined,
  };
}

/** The same, to be put after the `#`. No subscriptions at all is one empty `sub`. */
export function writePlace({ subject, payload, subscriptions }: Place): string {
  const fields = new URLSearchParams();
  if (subject !== undefined) fields.set('subject', subject);
  if (payload !== undefined && payload.length <= MAX_PAYLOAD) fields.set('payload', payload);
  for (const wish of subscriptions?.length === 0 ? [{ subject: '', queue: '' }] : (subscriptions ?? []))
    fields.append('sub', wish.queue === '' ? wish.subject : `${wish.subject} ${wish.queue}`);
  return `#${fields}`;
}

function readWish(text: string): Wish {
  const [subject = '', ...queue] = text.split(' ');
  return { subject, queue: queue.join(' ') };
}
