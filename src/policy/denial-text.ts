import { goQuote } from '../nats/go-quote.ts';

/** What a client gets for a refused operation: the texts of nats-server, by which clients find who must learn of it. */

const error = (text: string): Buffer => Buffer.from(`-ERR '${text}'\r\n`);
/** Clients ignore what follows the subject. */
const because = (why: string): string => (why === '' ? '' : ` (${why})`);

export const publishDenied = (subject: string, why = ''): Buffer =>
  error(`Permissions Violation for Publish to ${goQuote(subject)}${because(why)}`);

export const replyDenied = (reply: string): Buffer =>
  error(`Permissions Violation for Publish with Reply of ${goQuote(reply)}`);

export const subscribeDenied = (subject: string, queue: string, why = ''): Buffer =>
  error(
    `Permissions Violation for Subscription to ${goQuote(subject)}${queue === '' ? '' : ` using queue ${goQuote(queue)}`}${because(why)}`,
  );

export const TOO_MANY_SUBSCRIPTIONS: Buffer = error('maximum subscriptions exceeded');
