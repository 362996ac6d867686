import type { Recheck } from './auth/authorizer.ts';
import type { Grant } from './auth/grant.ts';
import type { Refusal } from './handshake-outcome.ts';
import type { AdmissionSlot } from './listener/admission.ts';
import type { RefusalFacts, WaitingHandshake } from './listener/pending-handshake.ts';
import type { Login } from './nats/login.ts';
import type { Role } from './policy/role.ts';
import type { Route } from './runtime.ts';
import type { Upstream } from './upstream/connection.ts';

/** One opening handshake, and what it has got so far. What no session takes over is given back at the end. */
export type HandshakeContext<Pending extends WaitingHandshake = WaitingHandshake> = {
  readonly pending: Pending;
  /** As it was configured when the handshake began. */
  readonly route: Route;
  /** undefined: it is not only tried. */
  readonly trial: Trial | undefined;
  slot: AdmissionSlot | undefined;
  /** undefined: nobody was asked, or without a token is let in as well. */
  grant: Grant | undefined;
  /** undefined: nobody is asked again. */
  recheck: Recheck | undefined;
  /** undefined: the client logs in by itself. */
  login: Login | undefined;
  /** undefined: clients may say all that the server lets them. */
  role: Role | undefined;
  upstream: Upstream | undefined;
};

/** A handshake without a client: it takes no place and uses up no rate. */
export type Trial = { readonly asksWebhook: boolean };

/** The handshake ends here. All but the outcome is for the log, never for the client. */
export type Refused = {
  readonly outcome: Refusal;
  /** undefined: one of ours. */
  readonly retryAfterSeconds?: number | undefined;
} & RefusalFacts;

/** undefined: the next step follows, unless the client has left or has its answer. */
export type Step<Context> = (handshake: Context) => Promise<Refused | undefined> | Refused | undefined;
