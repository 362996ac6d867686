import { withoutSecrets } from '../capture/event.ts';
import type { CaptureRecord, OperationEvent } from '../capture/format.ts';
import { CaptureError } from '../capture/ndjson.ts';

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
  /** Not recorded. */
  lost: number;
  isCut: boolean;
  /** Subjects that change what others have, and how many operations are on such. */
  readonly administrative: Examples;
  /** Requests to JetStream that are nothing without their body. */
  readonly bodiless: Examples;
  maskedHeaders: number;
};

export type Examples = { operations: number; readonly subjects: Set<string> };

const MOST_EXAMPLES = 3;
/** More subscriptions than a session has. */
const MOST_SIDS = 100_000;
/** Of the client; PONG answers a PING that was then. */
const SENT: ReadonlySet<string> = new Set(['PUB', 'HPUB', 'SUB', 'UNSUB', 'PING']);
const JETSTREAM = /^\$JS\.(?:[^.]+\.)?API\./;
const CHANGES = /\.(?:DELETE|PURGE|UPDATE|REMOVE|RESTORE|STEPDOWN)(?:\.|$)/;

/** Whether it reached the server, so that a replay sends it. */
export const isSent = ({ d, op, v }: OperationEvent): boolean =>
  d === 'c>' && v === undefined && SENT.has(op);

/** Reads all of a capture. */
export async function surveyOf(records: AsyncIterable<CaptureRecord>): Promise<Survey> {
  let survey: Survey | undefined;
  for await (const record of records) {
    if ('kind' in record) survey = emptySurvey(record.session);
    else if (survey === undefined) throw new CaptureError('line 1: this is not a natsgate capture');
    else if ('end' in record) Object.assign(survey, { lost: record.end.lost, isCut: false });
    else if (record.d !== 'g') look(survey, record);
  }
  return survey as Survey;
}

const emptySurvey = (session: string): Survey => ({
  session,
  connect: '{}',
  operations: 0,
  sids: new Set(),
  otherDeliveries: 0,
  lost: 0,
  isCut: true,
  administrative: { operations: 0, subjects: new Set() },
  bodiless: { operations: 0, subjects: new Set() },
  maskedHeaders: 0,
});

function look(survey: Survey, event: OperationEvent): void {
  const { d, op, subj = '', sid = '', text = '', b, n = 0, hb = 0 } = event;
  if (d === 'c>' && op === 'CONNECT') Object.assign(survey, { connect: withoutSecrets(Buffer.from(text)) });
  if (d === 's>' && sid !== '' && !survey.sids.has(sid)) survey.otherDeliveries++;
  if (!isSent(event)) return;
  survey.operations++;
  if (op === 'SUB' && survey.sids.size < MOST_SIDS) survey.sids.add(sid);
  if (subj.startsWith('$SYS.') || (JETSTREAM.test(subj) && CHANGES.test(subj)))
    note(survey.administrative, subj);
  if (JETSTREAM.test(subj) && n > hb && keptBytes(b) < n) note(survey.bodiless, subj);
  if (hb > 0 && keptBytes(b) < hb) survey.maskedHeaders++;
}

function note(examples: Examples, subject: string): void {
  examples.operations++;
  if (examples.subjects.size < MOST_EXAMPLES) examples.subjects.add(subject);
}

const keptBytes = (b: string | undefined): number => (b === undefined ? 0 : Buffer.byteLength(b, 'base64'));
