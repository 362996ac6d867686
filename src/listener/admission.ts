import { TokenBucket } from '../net/token-bucket.ts';
import { addressKey } from './client-address.ts';
import { KeyRates } from './key-rates.ts';
import { addTo, Quota, type QuotaLimits, type QuotaRefusal } from './quota.ts';

/**
 * An address that takes more than this part of the rate, or of the places for handshakes in flight, leaves the reserve,
 * a part of the burst or of the places, to the others.
 */
const SHARE = 1 / 8;
const RESERVE = 1 / 4;

export type AdmissionLimits = {
  /** Sessions and handshakes in flight together. */
  readonly sessions: number;
  /** 0: no limit. Handshakes in flight count. */
  readonly sessionsPerAddress: number;
  readonly handshakesInFlight: number;
  readonly handshakesPerSecond: number;
  /** 0: no limit. */
  readonly handshakesPerSecondPerAddress: number;
  /** The same for each identity. */
  readonly sessionsPerIdentity: number;
  readonly handshakesPerSecondPerIdentity: number;
};

/** Share of the session cap below which a gateway that was full has room again. */
const ROOM_AGAIN = 0.95;

export type AdmissionRefusal = QuotaRefusal | 'over_capacity';

export type AdmissionVerdict =
  | { readonly admitted: true; readonly slot: AdmissionSlot }
  | { readonly admitted: false; readonly outcome: AdmissionRefusal };

/**
 * How many may come in. A handshake holds a slot from its admission on, so that a thousand of them waiting for
 * a slow upstream cannot become a thousand sessions too many:
 *
 * ```
 *  admit ─▶ in flight ──accepted()──▶ session ──release()──▶ gone
 *               └────────release()─────────────────────────────▲
 * ```
 *
 * In flight it may learn whose it is (`identify`), and from then on it counts to that identity, too.
 *
 * All checks come before all counting: a refusal costs nothing, neither a token nor an entry. So a client that is
 * refused cannot use up what others need, and the per-address tables grow at most by what the total caps and
 * rates let in, however many addresses knock.
 */
export class Admission {
  #limits: AdmissionLimits;
  readonly #nowMs: () => number;
  #isFull = false;
  #rate: TokenBucket;
  /** Who keeps within its share of the rate. */
  #shares: KeyRates;
  readonly #population: Population;

  /** `nowMs` is a monotonic clock in milliseconds. */
  constructor(limits: AdmissionLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#rate = new TokenBucket(limits.handshakesPerSecond, nowMs());
    this.#shares = new KeyRates(limits.handshakesPerSecond * SHARE);
    this.#population = {
      sessions: 0,
      handshakesInFlight: 0,
      addresses: new Quota(ofAddress(limits)),
      identities: new Quota(ofIdentity(limits)),
      inFlightPerAddress: new Map(),
      perRoute: new Map(),
    };
  }

  /**
   * Other limits from now on. Sessions that are open stay and count; a rate that stays the same goes on where it was, or each
   * change would give another burst.
   */
  configure(limits: AdmissionLimits): void {
    const before = this.#limits;
    this.#limits = limits;
    if (limits.handshakesPerSecond !== before.handshakesPerSecond) {
      this.#rate = new TokenBucket(limits.handshakesPerSecond, this.#nowMs());
      this.#shares = new KeyRates(limits.handshakesPerSecond * SHARE);
    }
    this.#population.addresses.configure(ofAddress(limits));
    this.#population.identities.configure(ofIdentity(limits));
  }

  /** Sessions that were accepted and have not ended. */
  get sessions(): number {
    return this.#population.sessions;
  }

  get handshakesInFlight(): number {
    return this.#population.handshakesInFlight;
  }

  /**
   * No session has room, or too few have left since: a twentieth must be free again, so that readiness does not come
   * and go with every session.
   */
  get isFull(): boolean {
    const taken = this.#population.sessions + this.#population.handshakesInFlight;
    this.#isFull = taken >= this.#limits.sessions * (this.#isFull ? ROOM_AGAIN : 1);
    return this.#isFull;
  }

  /** Entries of the per-address tables; for tests of their bounds. */
  get trackedAddresses(): Quota['tracked'] {
    return this.#population.addresses.tracked;
  }

  get trackedIdentities(): Quota['tracked'] {
    return this.#population.identities.tracked;
  }

  /**
   * Admits one handshake from the client's address, or says why not. The caller must release the slot. `routeCap`:
   * sessions of this route, handshakes in flight included; 0: no limit.
   */
  admit(address: string, route = '', routeCap = 0): AdmissionVerdict {
    const key = addressKey(address);
    const nowMs = this.#nowMs();
    const outcome = this.#refusal(key, nowMs, this.#isFullOf(route, routeCap));
    if (outcome !== undefined) return { admitted: false, outcome };
    this.#rate.take(nowMs);
    this.#population.addresses.take(key, nowMs);
    if (this.#shares.has(key, nowMs)) this.#shares.take(key, nowMs);
    return { admitted: true, slot: new AdmissionSlot(this.#population, key, route) };
  }

  /** What `admit` would refuse now; nothing is taken, and nothing counted. */
  refusal(address: string, route: string, routeCap: number): AdmissionRefusal | undefined {
    return this.#refusal(addressKey(address), this.#nowMs(), this.#isFullOf(route, routeCap));
  }

  /** Counts the slot, which has no identity yet, to this one, or says why not. Without a slot it only says. */
  identify(slot: AdmissionSlot | undefined, identity: string): QuotaRefusal | undefined {
    const nowMs = this.#nowMs();
    const refusal = this.#population.identities.refusal(identity, nowMs);
    if (refusal === undefined) slot?.identify(identity, nowMs);
    return refusal;
  }

  #isFullOf(route: string, cap: number): boolean {
    return cap > 0 && (this.#population.perRoute.get(route) ?? 0) >= cap;
  }

  /** What concerns one address comes first: it tells that client more than "full" does. */
  #refusal(key: string, nowMs: number, routeIsFull: boolean): AdmissionRefusal | undefined {
    const { sessions, handshakesInFlight, addresses, inFlightPerAddress } = this.#population;
    const limits = this.#limits;
    const refusal = addresses.refusal(key, nowMs);
    if (refusal !== undefined) return refusal;
    if (routeIsFull || sessions + handshakesInFlight >= limits.sessions) return 'over_capacity';
    if (handshakesInFlight >= limits.handshakesInFlight) return 'over_capacity';
    const keepsShare = (inFlightPerAddress.get(key) ?? 0) < SHARE * limits.handshakesInFlight;
    const placesLeft = limits.handshakesInFlight - handshakesInFlight;
    if (!keepsShare && placesLeft <= Math.floor(RESERVE * limits.handshakesInFlight))
      return 'too_many_handshakes';
    const reserve = this.#shares.has(key, nowMs) ? 0 : RESERVE;
    return this.#rate.has(nowMs, reserve) ? undefined : 'too_many_handshakes';
  }
}

/** One admitted handshake, later its session. */
export class AdmissionSlot {
  readonly #population: Population;
  readonly #key: string;
  readonly #route: string;
  #identity: string | undefined;
  #state: 'in_flight' | 'session' | 'released' = 'in_flight';

  constructor(population: Population, key: string, route: string) {
    this.#population = population;
    this.#key = key;
    this.#route = route;
    population.handshakesInFlight += 1;
    addTo(population.inFlightPerAddress, key, 1);
    addTo(population.perRoute, route, 1);
  }

  /** @internal for `Admission.identify`. Nothing happens after `release()`. */
  identify(identity: string, nowMs: number): void {
    if (this.#state === 'released') return;
    this.#identity = identity;
    this.#population.identities.take(identity, nowMs);
  }

  /** The handshake was answered by 101: from now on it is a session. Nothing happens after `release()`. */
  accepted(): void {
    if (this.#state !== 'in_flight') return;
    this.#state = 'session';
    this.#leaveFlight();
    this.#population.sessions += 1;
  }

  /** The handshake was refused or aborted, or the session has ended. Further calls do nothing. */
  release(): void {
    if (this.#state === 'released') return;
    if (this.#state === 'session') this.#population.sessions -= 1;
    else this.#leaveFlight();
    this.#state = 'released';
    const { addresses, identities, perRoute } = this.#population;
    addresses.release(this.#key);
    if (this.#identity !== undefined) identities.release(this.#identity);
    addTo(perRoute, this.#route, -1);
  }

  #leaveFlight(): void {
    this.#population.handshakesInFlight -= 1;
    addTo(this.#population.inFlightPerAddress, this.#key, -1);
  }
}

const ofAddress = (limits: AdmissionLimits): QuotaLimits => ({
  sessions: limits.sessionsPerAddress,
  handshakesPerSecond: limits.handshakesPerSecondPerAddress,
});

const ofIdentity = (limits: AdmissionLimits): QuotaLimits => ({
  sessions: limits.sessionsPerIdentity,
  handshakesPerSecond: limits.handshakesPerSecondPerIdentity,
});

type Population = {
  sessions: number;
  handshakesInFlight: number;
  /** Slots by address key. Never more entries than slots, so bounded by `limits.sessions`. */
  readonly addresses: Quota;
  /** Those of which it is known, likewise. */
  readonly identities: Quota;
  /** Slots in flight by address key. */
  readonly inFlightPerAddress: Map<string, number>;
  /** Slots by route. */
  readonly perRoute: Map<string, number>;
};
