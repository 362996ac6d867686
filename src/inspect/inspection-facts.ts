import type { RedactedConnect } from '../nats/connect.ts';
import { countsByName, type Direction } from '../nats/operations.ts';
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
  readonly operations: Readonly<Record<Direction, Readonly<Record<string, number>>>>;
  readonly payloadBytes: Readonly<Record<Direction, number>>;
  readonly subscriptions: ReturnType<Subscriptions['list']>;
  readonly lastError: ServerError | undefined;
  readonly hint: string | undefined;
  readonly stopped: Readonly<Record<Direction, ParseError | undefined>>;
};

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
      to_upstream: countsByName('to_upstream', up.counts),
      to_client: countsByName('to_client', down.counts),
    },
    payloadBytes: { to_upstream: up.payloadBytes, to_client: down.payloadBytes },
    subscriptions: subscriptions.list(),
    lastError,
    hint,
    stopped: { to_upstream: up.error, to_client: down.error },
  };
}
