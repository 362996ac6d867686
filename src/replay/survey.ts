import { withoutSecrets } from '../capture/event.ts';
import type { CaptureRecord, OperationEvent } from '../capture/format.ts';
import { CaptureError } from '../capture/ndjson.ts';
import { administrativeIn } from './administrative.ts';
import { FreshInboxes } from './inboxes.ts';

/** What somebody should know of a capture before anything of it is sent. */
export type Survey = {
  readonly session: string;
  /** What the client asked for in its CONNECT, as JSON. */
  readonly connect: string;
  operations: number;
  /** Subscriptions that the capture begins. */
  readonly sids: Set<string>;
  /** Messages for others: their subscriptions are older than the capture. */
  otherDeliveries: number;
  /** When the first and the last of them was sent. */
  firstMicros: number;
  lastMicros: number;
  /** Not recorded. */
  lost: number;
  isCut: boolean;
  /** Tokens of its subjects are. */
  isHashed: boolean;
  /** What may change what others have. */
  readonly administrative: Examples;
  /** Requests to JetStream that are nothing without their body. */
  readonly bodiless: Examples;
  maskedHeaders: number;
  /** It asks JetStream, which answers by what is there. */
  usesJetStream: boolean;
};

export class Examples {
  readonly some = new Set<string>();
  operations = 0;

  add(example: string): void {
    this.operations++;
    if (this.some.size < MOST_EXAMPLES) this.some.add(example);
  }
}

const MOST_EXAMPLES = 3;
/** More subscriptions than a session has. */
const MOST_SIDS = 100_000;
/** Of the client; PONG answers a PING that was then. */
const SENT: ReadonlySet<string> = new Set(['PUB', 'HPUB', 'SUB', 'UNSUB', 'PING']);
const JETSTREAM = /^\$JS\.(?:[^.]+\.)?API\./;
const INBOXES = new FreshInboxes('');

/** Whether it reached the server, so that a replay sends it. */
export const isSent = ({ d, op, v }: OperationEvent): boolean =>
  d === 'c>' && v === undefined && SENT.has(op);

/** Reads all of a capture. */
export async function surveyOf(records: AsyncIterable<CaptureRecord>): Promise<Survey> {
  let survey: Survey | undefined;
  for await (const record of records) {
    if ('kind' in record) survey = emptySurvey(record.session, record.subjects === 'hashed');
    else if (survey === undefined) throw new CaptureError('line 1: this is not a natsgate capture');
    else if ('end' in record) Object.assign(survey, { lost: record.end.lost, isCut: false });
    else if (record.d !== 'g') look(survey, record);
  }
  return survey as Survey;
}

const emptySurvey = (session: string, isHashed: boolean): Survey => ({
  session,
  isHashed,
  connect: '{}',
  operations: 0,
  firstMicros: 0,
  lastMicros: 0,
  sids: new Set(),
  otherDeliveries: 0,
  lost: 0,
  isCut: true,
  administrative: new Examples(),
  bodiless: new Examples(),
  maskedHeaders: 0,
  usesJetStream: false,
});

function look(survey: Survey, event: OperationEvent): void {
  const { d, op, subj = '', sid = '', text = '', b, n = 0, hb = 0 } = event;
  if (d === 'c>' && op === 'CONNECT') Object.assign(survey, { connect: withoutSecrets(Buffer.from(text)) });
  if (d === 's>' && sid !== '' && !survey.sids.has(sid)) survey.otherDeliveries++;
  if (!isSent(event)) return;
  if (survey.operations++ === 0) survey.firstMicros = event.t;
  survey.lastMicros = event.t;
  if (op !== 'SUB' && JETSTREAM.test(subj)) survey.usesJetStream = true;
  if (op === 'SUB' && survey.sids.size < MOST_SIDS) survey.sids.add(sid);
  const administrative = administrativeIn(INBOXES.sent(event));
  if (administrative !== undefined) survey.administrative.add(administrative);
  if (JETSTREAM.test(subj) && n > hb && keptBytes(b) < n) survey.bodiless.add(subj);
  if (hb > 0 && keptBytes(b) < hb) survey.maskedHeaders++;
}

const keptBytes = (b: string | undefined): number => (b === undefined ? 0 : Buffer.byteLength(b, 'base64'));
