import { goQuote } from '../nats/go-quote.ts';

/** What a client gets for a refused operation: the texts of nats-server, by which clients find who must learn of it. */

const error = (text: string): Buffer => Buffer.from(`-ERR '${text}'\r\n`);

export const publishDenied = (subject: string): Buffer =>
  error(`Permissions Violation for Publish to ${goQuote(subject)}`);

export const replyDenied = (reply: string): Buffer =>
  error(`Permissions Violation for Publish with Reply of ${goQuote(reply)}`);

/** Clients ignore what follows the subject. */
export const headerDenied = (subject: string, what: string): Buffer =>
  error(`Permissions Violation for Publish to ${goQuote(subject)} (${what})`);

export const subscribeDenied = (subject: string, queue: string): Buffer =>
  error(
    `Permissions Violation for Subscription to ${goQuote(subject)}${queue === '' ? '' : ` using queue ${goQuote(queue)}`}`,
  );

export const TOO_MANY_SUBSCRIPTIONS: Buffer = error('maximum subscriptions exceeded');
