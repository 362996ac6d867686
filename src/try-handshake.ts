import type { TriedRequest } from './admin/api/handshake-trial.ts';
import { refusalHint } from './auth/details.ts';
import type { Grant } from './auth/grant.ts';
import { HANDSHAKE_OUTCOMES, type HandshakeOutcome, type Refusal } from './handshake-outcome.ts';
import { checkHandshake } from './listener/handshake.ts';
import type { HandshakeFacts, RefusalFacts, WaitingHandshake } from './listener/pending-handshake.ts';
import { foreignText } from './log.ts';
import { type HeadBreach, type HeadLimits, HeadMeter } from './net/http-head.ts';
import { headerLines } from './net/raw-headers.ts';
import type { SessionOpener } from './open-session.ts';
import type { Runtime } from './runtime.ts';
import { MAX_CAUSE_CHARACTERS } from './session-log.ts';
import { isoTime } from './status/iso-time.ts';

/** Where a step of a tried handshake has led. */
type Step = 'passed' | 'refused' | 'not_reached';
export type HandshakeTrial = Awaited<ReturnType<typeof tryHandshake>>;

/** RFC 6455 §1.3. */
const UPGRADE: readonly (readonly [name: string, value: string])[] = [
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ['Sec-WebSocket-Version', '13'],
];

/**
 * What a handshake would be answered, up to the dial, by the steps that real ones take. Nothing is dialled or signed, no
 * place and no rate is used up, nothing is counted as a handshake.
 */
export async function tryHandshake(
  asked: TriedRequest,
  opener: SessionOpener,
  runtime: Runtime,
  port: number,
) {
  const { limits, listen, timeouts } = runtime.config;
  const { rules } = runtime.prepared;
  const needed = [['Host', rules.hosts[0] ?? `localhost:${port}`] as const, ...UPGRADE];
  const rawHeaders = [
    ...asked.rawHeaders,
    ...needed.flatMap(([name, value]) =>
      headerLines(asked.rawHeaders, name.toLowerCase()).length > 0 ? [] : [name, value],
    ),
  ];
  const { asksWebhook, address, path: target, secure = listen.tls !== undefined } = asked;
  const request = { method: 'GET', target, httpVersion: '1.1', rawHeaders, earlyBytes: 0, tls: secure };
  const breach = breachOf(target, rawHeaders, limits);
  const verdict =
    breach === undefined
      ? checkHandshake({ ...request, peerAddress: address }, rules)
      : { accept: false as const, outcome: breach, clientAddress: address, origin: undefined };
  const pending = new TriedHandshake(target, rawHeaders, verdict, timeouts.handshakeMs);
  if (!verdict.accept) {
    pending.refuse(verdict.outcome);
    return reportOf(pending, undefined, false, []);
  }
  pending.requestUs = 1;
  const granted = await opener.judge(pending, { asksWebhook });
  pending.end();
  const route = runtime.route(verdict.route);
  const skipsWebhook = !asksWebhook && route?.config.auth?.webhook !== undefined;
  return reportOf(pending, granted?.grant, skipsWebhook, route?.upstreams.status() ?? []);
}

/** The limit of the listener that the request, as it would be written, is above. */
function breachOf(target: string, rawHeaders: readonly string[], limits: HeadLimits): HeadBreach | undefined {
  const lines = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`));
  const meter = new HeadMeter(limits);
  meter.read(Buffer.from(`GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'));
  return meter.breach;
}

/** A handshake without a client. */
class TriedHandshake implements WaitingHandshake {
  readonly request: WaitingHandshake['request'];
  readonly facts: HandshakeFacts;
  /** That a step was passed is all that counts. */
  readonly microseconds = 1;
  requestUs = 0;
  admittedUs = 0;
  authorizedUs = 0;
  readonly connectedUs = 0;
  readonly dialledUs = 0;
  outcome: HandshakeOutcome = 'accepted';
  why: RefusalFacts = {};
  readonly #answered = new AbortController();
  readonly #deadline: NodeJS.Timeout;

  constructor(url: string, rawHeaders: string[], facts: HandshakeFacts, mostMs: number) {
    this.request = { url, rawHeaders };
    this.facts = facts;
    this.#deadline = setTimeout(() => this.refuse('timeout'), mostMs);
  }

  get signal(): AbortSignal {
    return this.#answered.signal;
  }

  refuse(outcome: Refusal, why: RefusalFacts = {}): void {
    if (this.signal.aborted) return;
    this.outcome = outcome;
    this.why = why;
    this.end();
    this.#answered.abort(outcome);
  }

  /** No deadline counts any more. */
  end(): void {
    clearTimeout(this.#deadline);
  }

  /** The steps of a handshake that ended with them. */
  get steps(): Readonly<Record<'request' | 'admit' | 'authorize', Step>> {
    let next: Step = 'refused';
    const of = (isPassed: boolean): Step => {
      if (isPassed) return 'passed';
      const step = next;
      next = 'not_reached';
      return step;
    };
    return {
      request: of(this.requestUs > 0),
      admit: of(this.admittedUs > 0),
      authorize: of(this.authorizedUs > 0),
    };
  }
}

/** Nothing of a token but whose it is. `servers`: those that would be dialled. */
function reportOf(
  { facts, outcome, steps, why }: TriedHandshake,
  grant: Grant | undefined,
  skipsWebhook: boolean,
  servers: readonly { readonly name: string; readonly state: string }[],
) {
  const { cause, detail } = why;
  const { identity, role, endsAtMs } = grant ?? {};
  const isAccepted = outcome === 'accepted';
  const { user, tenant } = identity ?? why;
  return {
    outcome,
    status: HANDSHAKE_OUTCOMES[outcome].status,
    detail,
    cause: cause === undefined ? undefined : foreignText(cause, MAX_CAUSE_CHARACTERS),
    hint: isAccepted ? undefined : refusalHint(outcome, detail),
    route: facts.route,
    client: facts.clientAddress,
    user: user === undefined ? undefined : foreignText(user),
    tenant: tenant === undefined ? undefined : foreignText(tenant),
    role: role === undefined ? undefined : foreignText(role),
    loginEndsAt: isoTime(endsAtMs),
    steps: {
      ...steps,
      authorize: isAccepted && skipsWebhook ? 'webhook_not_asked' : steps.authorize,
      dial: isAccepted ? 'not_tried' : 'not_reached',
    },
    servers: isAccepted ? servers.map(({ name, state }) => ({ name, state })) : undefined,
  };
}
