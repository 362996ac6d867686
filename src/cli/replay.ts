import { randomBytes } from 'node:crypto';
import dns from 'node:dns/promises';
import { createReadStream } from 'node:fs';
import { CaptureError, readCapture } from '../capture/ndjson.ts';
import type { FileReader } from '../config/files.ts';
import { quote } from '../config/text.ts';
import { upstreamUrl } from '../config/urls.ts';
import {
  credsLogin,
  type Login,
  type LoginReading,
  nkeyLogin,
  tokenLogin,
  userLogin,
} from '../nats/login.ts';
import { addressText, isLoopback, parseAuthority } from '../net/host.ts';
import { type Comparison, type Pair, totalOf } from '../replay/comparison.ts';
import { LoginRefused, type ReplayReport, replay } from '../replay/replay.ts';
import { type Examples, type Survey, surveyOf } from '../replay/survey.ts';
import { DialError } from '../upstream/dial-error.ts';
import { type TlsClient, tlsClient } from '../upstream/start-tls.ts';
import type { CheckOutput } from './check.ts';
import { readAuthorities } from './probe.ts';

export type ReplayFlags = {
  readonly file: string;
  readonly to: string;
  readonly speed: string | undefined;
  readonly creds: string | undefined;
  readonly nkeyFile: string | undefined;
  readonly tokenFile: string | undefined;
  readonly user: string | undefined;
  readonly passwordFile: string | undefined;
  readonly ca: string | undefined;
  readonly yes: boolean;
  readonly allowAdmin: boolean;
};

const LOGINS = '--as FILE, --nkey-file FILE, --token-file FILE, or --user NAME and --password-file FILE';
const MAX_LOGIN_FILE_BYTES = 64 * 1024;
const MOST_SPEED = 1000;
/** A capture is not longer. */
const MOST_SECONDS = 24 * 60 * 60;
const MOST_SECONDS_UNSAID = 10;
const MOST_LINES = 20;
const LABEL_WIDTH = 22;
const NUMBER_WIDTH = 14;

/** Why nothing was replayed: one sentence without a full stop. */
class CannotReplay extends Error {}

/**
 * `natsgate replay`: sends what the client of a capture sent, and says where the answers differ. Resolves with the exit
 * code: 0 none does, 1 some do, 2 it cannot be replayed. All of the file is read before anything is sent.
 */
export async function replayFile(flags: ReplayFlags, io: CheckOutput, files: FileReader): Promise<number> {
  const { file } = flags;
  try {
    const target = { ...(await targetOf(flags, files)), login: await loginOf(flags, files) };
    const speed = speedOf(flags.speed);
    const records = () => readCapture(createReadStream(file));
    const survey = await surveyOf(records());
    refuse(survey, flags.allowAdmin);
    const seconds = secondsOf(survey, speed);
    if (seconds > MOST_SECONDS_UNSAID)
      io.out(`this takes ${seconds.toFixed(0)} s or longer; --speed makes it shorter`);
    const nonce = randomBytes(6).toString('hex');
    const options = { ...target, connect: survey.connect, speed, nonce, allowAdmin: flags.allowAdmin };
    return tell(survey, await replay(records(), survey, options), io);
  } catch (error) {
    io.err(`natsgate replay: ${sentence(error, flags)}`);
    return 2;
  }
}

async function targetOf({ to, yes, ca }: ReplayFlags, files: FileReader) {
  if (to.includes('@'))
    throw new CannotReplay('--to: the URL may hold no login; write --user NAME and --password-file FILE');
  const isTls = /^tls:\/\//i.test(to);
  const url = upstreamUrl.read(isTls ? to.replace(/^tls/i, 'nats') : to);
  if (!url.ok) throw new CannotReplay(`--to: ${url.what}; write nats://host:4222 or tls://host:4222`);
  const server = url.value;
  if (server.opaque === true) throw new CannotReplay('--to: write nats://host:4222 or tls://host:4222');
  const { address } = await dns.lookup(server.host);
  const host = parseAuthority(addressText({ host: address, port: server.port }))?.host;
  if (!yes && (host === undefined || !isLoopback(host)))
    throw new CannotReplay(
      `${quote(server.host)} is not this machine${address === server.host ? '' : `, but ${address}`}; to send to it, add --yes`,
    );
  return { server: { ...server, address }, tls: isTls ? await tlsOf(ca, files) : undefined };
}

async function tlsOf(caFile: string | undefined, files: FileReader): Promise<TlsClient> {
  const authorities = caFile === undefined ? undefined : await readAuthorities(caFile, files);
  if (typeof authorities === 'object') throw new CannotReplay(authorities.problem);
  const pem = authorities === undefined ? {} : { ca: authorities, allowPartialTrustChain: true };
  return tlsClient({
    mode: 'after-info',
    minVersion: 'TLSv1.2',
    caFile,
    certFile: undefined,
    keyFile: undefined,
    serverName: undefined,
    material: () => ({ pem, chainEndsAt: undefined, authoritiesEndAt: undefined }),
  });
}

async function loginOf(flags: ReplayFlags, files: FileReader): Promise<Login | undefined> {
  const { creds, nkeyFile, tokenFile, user, passwordFile } = flags;
  const isWhole = (user === undefined) === (passwordFile === undefined);
  const given = [creds, nkeyFile, tokenFile, user].filter((one) => one !== undefined);
  if (!isWhole || given.length > 1) throw new CannotReplay(`write one of ${LOGINS}`);
  if (creds !== undefined)
    return readLogin('--as', creds, (content) => credsLogin(content, Date.now()), files);
  if (nkeyFile !== undefined) return readLogin('--nkey-file', nkeyFile, nkeyLogin, files);
  if (tokenFile !== undefined) return readLogin('--token-file', tokenFile, tokenLogin, files);
  if (user === undefined || passwordFile === undefined) return undefined;
  return readLogin('--password-file', passwordFile, (content) => userLogin(user, content), files);
}

async function readLogin(
  flag: string,
  file: string,
  read: (content: Buffer) => LoginReading,
  files: FileReader,
): Promise<Login> {
  const found = await files.read(file, MAX_LOGIN_FILE_BYTES);
  if (!found.ok) throw new CannotReplay(`${flag}: ${quote(file)}: ${found.what}`);
  const reading = read(found.bytes);
  if (!reading.ok) throw new CannotReplay(`${flag}: ${quote(file)}: ${reading.problem}`);
  return reading.login;
}

function speedOf(text = '1'): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const speed = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (speed > 0 && speed <= MOST_SPEED) return speed;
  throw new CannotReplay(`--speed: write max, or a number up to ${MOST_SPEED}`);
}

/** How long the times of its operations take. */
function secondsOf({ firstMicros, lastMicros }: Survey, speed: number): number {
  const seconds = (lastMicros - firstMicros) / 1e6 / speed;
  if (seconds <= MOST_SECONDS) return seconds;
  throw new CannotReplay('its times are more than 24 h apart; add --speed max, or a number that is enough');
}

function refuse({ administrative, bodiless }: Survey, allowAdmin: boolean): void {
  if (bodiless.operations > 0)
    throw new CannotReplay(
      `${examples(bodiless)} asked JetStream for something, and the capture does not have what; record with payloads (admin.payloads: on, and "payloads": true in POST /api/captures)`,
    );
  if (administrative.operations > 0 && !allowAdmin)
    throw new CannotReplay(
      `${examples(administrative)} may change what others have on the server; to send it, add --allow-admin`,
    );
}

const examples = ({ operations, some }: Examples): string =>
  `${count(operations, 'operation')}, such as ${[...some].join(' and ')},`;
const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

function tell(survey: Survey, report: ReplayReport, io: CheckOutput): number {
  const { comparison, sent, seconds, target } = report;
  const of = `${sent} of ${survey.operations} operations of session ${survey.session}`;
  io.out(`replayed ${of} to ${target} in ${seconds.toFixed(1)} s`);
  io.out(row('', 'recorded', 'replayed'));
  for (const [label, rows] of [
    ['deliveries', comparison.deliveries],
    ['-ERR', comparison.errors],
  ] as const)
    io.out(row(label, String(totalOf(rows, 'recorded')), String(totalOf(rows, 'replayed'))));
  for (const part of ['p50', 'p99'] as const)
    io.out(
      row(`reply ${part}`, latency(comparison, 'recorded', part), latency(comparison, 'replayed', part)),
    );
  const differences = differencesOf(report, survey);
  for (const note of notesOf(survey, report)) io.out(`note: ${note}`);
  if (survey.usesJetStream && differences.length > 0)
    io.out('note: the session asks JetStream: streams and buckets must be as they were when it was recorded');
  for (const line of differences.slice(0, MOST_LINES)) io.out(`difference: ${line}`);
  if (differences.length > MOST_LINES) io.out(`and ${differences.length - MOST_LINES} more`);
  io.out(differences.length === 0 ? 'the same answers' : count(differences.length, 'difference'));
  return differences.length === 0 ? 0 : 1;
}

const row = (label: string, recorded: string, replayed: string): string =>
  `${label.padEnd(LABEL_WIDTH)}${recorded.padStart(NUMBER_WIDTH)}${replayed.padStart(NUMBER_WIDTH)}`;

function latency(comparison: Comparison, side: keyof Pair, part: 'p50' | 'p99'): string {
  const found = comparison.latency(side)?.[part];
  return found === undefined ? '-' : `${found.toFixed(1)} ms`;
}

function differencesOf(
  { comparison, sent, wasClosed, withheld }: ReplayReport,
  { operations }: Survey,
): string[] {
  const lines = (rows: ReadonlyMap<string, Pair>, of: (name: string) => string): string[] =>
    [...rows]
      .filter(([, { recorded, replayed }]) => recorded !== replayed)
      .map(([name, { recorded, replayed }]) => `${of(name)}: recorded ${recorded}, replayed ${replayed}`)
      .toSorted();
  return [
    ...lines(comparison.errors, (text) => `-ERR ${text}`),
    ...lines(comparison.deliveries, (subject) => `deliveries of ${subject}`),
    ...(wasClosed
      ? [
          `the server closed the connection, with ${count(operations - sent - withheld.operations, 'operation')} still to send`,
        ]
      : []),
    ...(withheld.operations > 0
      ? [
          `not sent without --allow-admin, as the server chose where it goes: ${examples(withheld)} may change what others have`,
        ]
      : []),
  ];
}

function notesOf(
  { lost, isCut, isHashed, otherDeliveries, maskedHeaders }: Survey,
  { missed }: ReplayReport,
): string[] {
  return [
    ...(lost > 0 ? [`the capture has lost ${count(lost, 'operation')}, so the counts may differ`] : []),
    ...(isCut ? ['the file was cut, or its capture was running'] : []),
    ...(isHashed ? ['its subjects are hashed (admin.subjects), and are sent so'] : []),
    ...(otherDeliveries > 0
      ? [`not compared: ${otherDeliveries} deliveries of subscriptions older than the capture`]
      : []),
    ...(maskedHeaders > 0
      ? [
          `header values of ${count(maskedHeaders, 'message')} were not recorded: they went with others, and without those for JetStream (Nats-…)`,
        ]
      : []),
    ...(missed > 0 ? [`${count(missed, 'answer')} did not come before what had followed`] : []),
  ];
}

function sentence(error: unknown, { file, creds, nkeyFile, tokenFile, user }: ReplayFlags): string {
  const hasLogin = (creds ?? nkeyFile ?? tokenFile ?? user) !== undefined;
  if (error instanceof CannotReplay || error instanceof DialError) return error.message;
  if (error instanceof CaptureError) return `${quote(file)}: ${error.message}`;
  if (error instanceof LoginRefused)
    return `nats-server refused the login: ${error.message}${hasLogin ? '' : `; add ${LOGINS}`}`;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  if (syscall === 'getaddrinfo') return `the host of --to is not known (${code})`;
  return `${quote(file)}: ${code === 'ENOENT' ? 'the file does not exist' : `the file system says ${code}`}`;
}
