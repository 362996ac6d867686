import type { RedactedConnect } from '../nats/connect.ts';
import { type InfoRules, rewriteInfo } from '../nats/info-rewrite.ts';
import { countsByName } from '../nats/operations.ts';
import type { NatsParser } from '../nats/parser.ts';
import type { ParseError } from '../nats/protocol.ts';
import type { ShownSubjects } from '../nats/shown-subjects.ts';
import type { KnownServer, ObservedFacts, ServerError } from './observed-facts.ts';
import type { Subscriptions } from './subscriptions.ts';

const VERB = 'INFO';
const HIDDEN = '***';

export type InspectionLevel = 'observe' | 'enforce';

/** What the live view shows of an inspected session. */
export type InspectionFacts = {
  readonly level: InspectionLevel;
  readonly server: KnownServer;
  readonly info: ShownInfo | undefined;
  readonly connect: RedactedConnect | undefined;
  readonly operations: BothWays<Readonly<Record<string, number>>>;
  readonly payloadBytes: BothWays<number>;
  readonly subscriptions: ReturnType<Subscriptions['list']>;
  readonly lastError: ReturnType<typeof shownError> | undefined;
  readonly hint: string | undefined;
  readonly stopped: BothWays<ParseError | undefined>;
};

/** The server's last INFO, without its nonce: as the server has sent it, and as the client got it. */
export type ShownInfo = Readonly<Record<'received' | 'sent', Readonly<Record<string, unknown>>>>;

/** As the API names directions. */
type BothWays<Value> = Readonly<Record<'toUpstream' | 'toClient', Value>>;

/** `info`: by which INFO was rewritten; `up` and `down`: the parsers that saw what was observed. */
export function inspectionFacts(
  level: InspectionLevel,
  info: InfoRules,
  { server, connect, infoLine, subscriptions, lastError, hint }: ObservedFacts,
  up: NatsParser,
  down: NatsParser,
  subjects: ShownSubjects,
): InspectionFacts {
  return {
    level,
    server,
    info: infoLine && shownInfo(infoLine, info),
    connect,
    operations: {
      toUpstream: countsByName('to_upstream', up.counts),
      toClient: countsByName('to_client', down.counts),
    },
    payloadBytes: { toUpstream: up.payloadBytes, toClient: down.payloadBytes },
    subscriptions: subscriptions.list().map((one) => ({ ...one, subject: subjects.subject(one.subject) })),
    lastError: lastError && shownError(lastError, subjects),
    hint,
    stopped: { toUpstream: up.error, toClient: down.error },
  };
}

const shownError = ({ kind, text, firstMs, lastMs }: ServerError, subjects: ShownSubjects) => ({
  kind,
  text: subjects.sentence(text),
  first: new Date(firstMs).toISOString(),
  last: new Date(lastMs).toISOString(),
});

/** Rewritten once more, which gives what the client got: rules stay as long as the session. */
function shownInfo(line: Buffer, rules: InfoRules): ShownInfo {
  return { received: withoutNonce(line), sent: withoutNonce(rewriteInfo(line, rules) ?? line) };
}

/** A login by key signs the nonce. */
function withoutNonce(line: Buffer): ShownInfo['sent'] {
  const fields: Record<string, unknown> = JSON.parse(line.toString('utf8', VERB.length));
  return 'nonce' in fields ? { ...fields, nonce: HIDDEN } : fields;
}
