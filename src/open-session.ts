import type { Authorizer, Recheck } from './auth/authorizer.ts';
import type { GrantedDetail } from './auth/details.ts';
import type { Grant } from './auth/grant.ts';
import { authorize, isKicked, whoOf } from './authorize-handshake.ts';
import { DEFAULT_ROUTE } from './config/routes.ts';
import type { HandshakeContext, Refused, Step, Trial } from './handshake-context.ts';
import { LinkedList } from './linked-list.ts';
import type { HandshakeFacts, PendingHandshake, WaitingHandshake } from './listener/pending-handshake.ts';
import type { Parts } from './parts.ts';
import type { Route, Runtime } from './runtime.ts';
import { Session } from './session/session.ts';
import { inspectorFor } from './session-inspector.ts';
import { type DialClient, dialContext } from './upstream/dial-context.ts';
import { DialError } from './upstream/dial-error.ts';
import type { ByteSocket } from './websocket/byte-socket.ts';

type Handshake = HandshakeContext<PendingHandshake>;

/** The state of the gateway, read anew at each call. */
export type GatewayNow = { runtime(): Runtime; isDraining(): boolean };

/**
 * Makes sessions of opening handshakes that passed the rules:
 *
 * ```
 *  admit ─▶ authorize ─▶ dial ─▶ accept ─▶ Session
 * ```
 */
export class SessionOpener {
  readonly #parts: Parts;
  readonly #now: GatewayNow;
  /** Handshakes that are not answered yet. */
  readonly #waiting = new LinkedList<WaitingHandshake>();
  #closed = false;

  /** All that is known without a server. */
  readonly #judging: readonly Step<HandshakeContext>[] = [
    (handshake) => this.#admit(handshake),
    (handshake) => authorize(handshake, this.#parts),
  ];
  readonly #steps: readonly Step<Handshake>[] = [
    ...this.#judging,
    (handshake) => this.#dial(handshake),
    (handshake) => this.#accept(handshake),
  ];
  /** For a page that only asks: what an upgrade would be answered, up to the dial. */
  readonly #explaining: readonly Step<Handshake>[] = [
    ...this.#judging,
    (handshake) => this.#explain(handshake),
  ];

  constructor(parts: Parts, now: GatewayNow) {
    this.#parts = parts;
    this.#now = now;
  }

  /** Resolves when the handshake is answered. Never rejects. */
  open(pending: PendingHandshake): Promise<unknown> {
    return this.#lead(pending, pending.facts.asks === undefined ? this.#steps : this.#explaining);
  }

  /**
   * Resolves with what is granted to a handshake that passed the rules, up to the dial; undefined when it was refused, as
   * `pending` was told. Never rejects.
   */
  async judge(pending: WaitingHandshake, trial: Trial): Promise<{ readonly grant?: Grant } | undefined> {
    const { grant } = (await this.#lead(pending, this.#judging, trial)) ?? {};
    if (pending.signal.aborted) return undefined;
    return grant === undefined ? {} : { grant };
  }

  async #lead<Pending extends WaitingHandshake>(
    pending: Pending,
    steps: readonly Step<HandshakeContext<Pending>>[],
    trial?: Trial,
  ): Promise<HandshakeContext<Pending> | undefined> {
    const route = this.#now.runtime().route(pending.facts.route ?? DEFAULT_ROUTE);
    // Rules and routes change in one turn, so this must not happen. If it does, only this client is refused.
    if (route === undefined) {
      pending.refuse('no_route');
      return undefined;
    }
    const handshake: HandshakeContext<Pending> = {
      pending,
      route,
      trial,
      slot: undefined,
      grant: undefined,
      recheck: undefined,
      login: undefined,
      role: undefined,
      upstream: undefined,
    };
    const link = this.#waiting.add(pending);
    try {
      for (const step of steps) {
        const verdict = step(handshake);
        // Most steps do not wait, and each wait costs a turn of the microtask queue.
        const refused = verdict instanceof Promise ? await verdict : verdict;
        if (refused !== undefined) {
          const { outcome, retryAfterSeconds, ...more } = refused;
          pending.refuse(outcome, more, retryAfterSeconds);
        }
        if (pending.signal.aborted) break;
      }
    } catch (error) {
      this.#parts.recorder.faulted(error);
      pending.refuse('internal_error');
    } finally {
      this.#waiting.delete(link);
      handshake.upstream?.socket.destroy();
      handshake.slot?.release();
    }
    return handshake;
  }

  /** Refuses every handshake from now on, and those that wait. */
  close(): void {
    this.#closed = true;
    for (const pending of this.#waiting) pending.refuse('draining');
  }

  #admit(handshake: HandshakeContext): Refused | undefined {
    if (this.#closed) return { outcome: 'draining' };
    const { pending, route, trial } = handshake;
    const { name, limits } = route.config;
    const { admission } = this.#parts;
    const { clientAddress } = pending.facts;
    if (trial !== undefined) {
      const outcome = admission.refusal(clientAddress, name, limits.sessions);
      if (outcome !== undefined) return { outcome };
    } else {
      const verdict = admission.admit(clientAddress, name, limits.sessions);
      if (!verdict.admitted) return verdict;
      handshake.slot = verdict.slot;
    }
    pending.admittedUs = pending.microseconds;
    return undefined;
  }

  async #dial(handshake: Handshake): Promise<Refused | undefined> {
    const { pending, route } = handshake;
    const context = dialContext(route.config.upstream, route.tls, clientOf(pending.facts));
    try {
      handshake.upstream = await route.upstreams.dial(pending.signal, context);
      pending.dialledUs = pending.microseconds;
      // A lame duck that was taken in the end may have been reached before another one was tried.
      const connectedUs = pending.microsecondsAt(handshake.upstream.connectedAtMs);
      pending.connectedUs = Math.max(pending.authorizedUs, connectedUs);
    } catch (error) {
      if (error instanceof DialError) return { outcome: error.outcome, cause: error.message };
      // After an abort the client has its answer already.
      if (!pending.signal.aborted) throw error;
    }
    return undefined;
  }

  #explain({ pending, grant }: Handshake): undefined {
    // Whether it was remembered is nothing to a page.
    const detail: GrantedDetail = grant === undefined ? 'anonymous' : 'verified';
    pending.explain({ detail, expiresAtMs: grant?.expiresAtMs });
  }

  /** Answers 101 and starts the session in the same turn. */
  #accept(handshake: Handshake): Refused | undefined {
    const { grant, pending, route } = handshake;
    // Its user may have been kicked while it was dialled for.
    if (isKicked(grant, this.#parts)) return { outcome: 'forbidden', detail: 'kicked', ...whoOf(handshake) };
    pending.accept(() => {
      const engine = route.compression?.engineFor(pending.request) ?? route.engine;
      engine.upgrade(pending.request, pending.socket, (client) => this.#begin(handshake, client));
      // True when a session has taken the upstream over.
      return handshake.upstream === undefined;
    });
    return undefined;
  }

  #begin(handshake: Handshake, client: ByteSocket): void {
    const { grant, login, pending, recheck, role, route, slot, upstream } = handshake;
    if (slot === undefined || upstream === undefined)
      throw new Error('a session needs a slot and an upstream');
    const { announced, captures, inspected, recorder, sessions, subjects } = this.#parts;
    announced.check(upstream.info, route.config);
    const facts = {
      id: sessions.nextId(),
      clientAddress: pending.facts.clientAddress,
      origin: pending.facts.origin,
      route: route.config.name,
      upstream: upstream.server.name,
      natsClientId: upstream.info.clientId,
      requestUs: pending.requestUs,
      admittedUs: pending.admittedUs,
      authorizedUs: pending.authorizedUs,
      connectedUs: pending.connectedUs,
      dialledUs: pending.dialledUs,
      acceptedUs: pending.microseconds,
      // Named one by one: V8 takes longer for a spread after other keys than for all of them.
      user: grant?.identity.user,
      tenant: grant?.identity.tenant,
      role: role?.rules.name ?? grant?.role,
      name: grant?.name,
      loginEndsAtMs: grant?.endsAtMs,
    };
    const tls = pending.facts.secure === true;
    const rates = route.rates?.forSession({ identity: grant?.key, origin: facts.origin });
    const of = { facts, login, rates, role, route: route.config, server: upstream.server, tls };
    const inspector = inspectorFor(of, this.#parts, this.#now.runtime);
    const session = new Session(facts, client, upstream.socket, route.sessionParts, inspector, rates);
    if (inspector !== undefined) {
      inspected.add(facts.id, inspector);
      subjects.sessionBegan(facts.id, inspector);
    }
    captures.sessionBegan(facts, inspector);
    slot.accepted();
    sessions.add(session, slot);
    if (recheck !== undefined) this.#recheck(session, recheck, route);
    handshake.slot = undefined;
    handshake.upstream = undefined;
    session.start(upstream);
    recorder.sessionBegan(facts, pending.seconds);
    if (this.#now.isDraining()) session.announceDrain();
  }

  #recheck(session: Session, asked: Recheck, { authorizer }: Route): void {
    const { runtime } = this.#now;
    const authorizerOf = (route: string): Authorizer | undefined => runtime().route(route)?.authorizer;
    this.#parts.rechecks.add(session, asked, authorizer?.recheckMs ?? 0, authorizerOf);
  }
}

/** What a PROXY header says of the client. */
const clientOf = ({ clientAddress, clientPort, reached }: HandshakeFacts): DialClient => ({
  address: clientAddress,
  port: clientPort ?? 0,
  destination: reached,
});
