import type { RedactedConnect } from '../nats/connect.ts';
import { withShortInboxes } from '../nats/inbox.ts';
import { countsByName } from '../nats/operations.ts';
import type { NatsParser } from '../nats/parser.ts';
import type { ParseError } from '../nats/protocol.ts';
import type { KnownServer, ObservedFacts, ServerError } from './observed-facts.ts';
import type { Subscriptions } from './subscriptions.ts';

export type InspectionLevel = 'observe' | 'enforce';

/** What the live view shows of an inspected session. */
export type InspectionFacts = {
  readonly level: InspectionLevel;
  readonly server: KnownServer;
  readonly connect: RedactedConnect | undefined;
  readonly operations: BothWays<Readonly<Record<string, number>>>;
  readonly payloadBytes: BothWays<number>;
  readonly subscriptions: ReturnType<Subscriptions['list']>;
  readonly lastError: ServerError | undefined;
  readonly hint: string | undefined;
  readonly stopped: BothWays<ParseError | undefined>;
};

/** As the API names directions. */
type BothWays<Value> = Readonly<Record<'toUpstream' | 'toClient', Value>>;

/** `observed`: what was seen; `up` and `down`: the parsers that saw it. */
export function inspectionFacts(
  level: InspectionLevel,
  { server, connect, subscriptions, lastError, hint }: ObservedFacts,
  up: NatsParser,
  down: NatsParser,
): InspectionFacts {
  return {
    level,
    server,
    connect,
    operations: {
      toUpstream: countsByName('to_upstream', up.counts),
      toClient: countsByName('to_client', down.counts),
    },
    payloadBytes: { toUpstream: up.payloadBytes, toClient: down.payloadBytes },
    subscriptions: subscriptions.list().map((one) => ({ ...one, subject: withShortInboxes(one.subject) })),
    lastError: lastError && { ...lastError, text: withShortInboxes(lastError.text) },
    hint,
    stopped: { toUpstream: up.error, toClient: down.error },
  };
}
