import { clock, element, make } from '../shared/dom.ts';
import type { LogLine } from './dev-server.ts';
import { outcomeTitle, sentenceOf, sentenceOfCode, tokenOf } from './reasons.ts';
import type { Refusal } from './refusals.ts';
import type { SocketEnd } from './socket-end.ts';

const MAX_ENTRIES = 40;
/** Ends, and log lines about ends, that may still find each other. */
const MAX_UNMATCHED = 8;
/** Browsers may round their clock. */
const CLOCK_STEP_MS = 100;

type Kind = 'good' | 'bad' | 'note';
type RefusedEntry = { readonly item: HTMLLIElement; readonly refusal: Refusal; times: number };

/** What became of each session of this page, newest first, each end with its code, its word and its sentence. */
export class Timeline {
  readonly #list = element('timeline', HTMLOListElement);
  /** The newest entry, when it is a refusal: another one like it is counted there. */
  #refused: RefusedEntry | undefined;
  /** By the client's number at nats-server: ends without their log line yet, and lines without their end. */
  readonly #ends = new Map<number, HTMLLIElement>();
  readonly #explanations = new Map<number, { readonly text: string; readonly atMs: number }>();
  /** When the session ended that nats.js now replaces. */
  #lostAtMs: number | undefined;

  /** `subscriptions`: how many the session has from its beginning. */
  opened(text: string, subscriptions: number): void {
    const goneMs = Date.now() - (this.#lostAtMs ?? Number.NaN);
    const restored = `${subscriptions} subscription${subscriptions === 1 ? '' : 's'}`;
    const back =
      this.#lostAtMs === undefined ? '' : ` Back after ${(goneMs / 1000).toFixed(1)} s, with ${restored}.`;
    this.#lostAtMs = undefined;
    this.#add('good', 'Session open', '', `${text}${back}`);
  }

  note(title: string, text: string): void {
    this.#add('note', title, '', text);
  }

  refused(refusal: Refusal): void {
    const { address, outcome, status } = refusal;
    const entry = this.#refused;
    if (entry !== undefined && entry.refusal.address === address && entry.refusal.outcome === outcome) {
      entry.times++;
      const time = entry.item.querySelector('time');
      if (time !== null) time.textContent = `${clock(new Date(), false)} · ${entry.times} times`;
      return;
    }
    const text =
      sentenceOf(outcome) ?? `${address} did not open a WebSocket. A browser does not tell a page why.`;
    const item = this.#add('bad', outcomeTitle(outcome), outcome === '' ? '' : `${status} ${outcome}`, text);
    this.#refused = { item, refusal, times: 1 };
  }

  ended(end: SocketEnd): void {
    const token = tokenOf(end);
    this.#lostAtMs = token === 'client_closed' ? undefined : Date.now();
    const kind = token === 'client_closed' || end.code === 1001 ? 'note' : 'bad';
    const last = end.clientId === undefined ? undefined : this.#explanations.get(end.clientId);
    // nats-server's numbers begin again when it does: a line from before this session is about another one.
    const known = last !== undefined && last.atMs >= end.startedAtMs - CLOCK_STEP_MS ? last.text : undefined;
    const text = known ?? sentenceOf(token) ?? sentenceOfCode(end.code);
    const item = this.#add(kind, 'Session ended', `${end.code} ${token}`, text);
    if (end.clientId !== undefined && known === undefined) remember(this.#ends, end.clientId, item);
  }

  /** One line of the gateway's log: where it knows more of an end than the browser was told, the entry says it. */
  explain({ time, fields }: LogLine): void {
    const { reason, natsClientId, serverError, hint } = fields;
    if (typeof reason !== 'string' || typeof natsClientId !== 'number') return;
    const told = [
      typeof serverError === 'string' ? `nats-server ended it: ${serverError}.` : '',
      typeof hint === 'string' ? hint : '',
    ].filter(Boolean);
    if (told.length === 0) return;
    const text = told.join(' ');
    const shown = this.#ends.get(natsClientId)?.querySelector('p');
    if (shown) shown.replaceChildren(make('span', '', text));
    else remember(this.#explanations, natsClientId, { text, atMs: Date.parse(time) });
  }

  #add(kind: Kind, title: string, token: string, text: string): HTMLLIElement {
    this.#refused = undefined;
    const item = make(
      'li',
      kind,
      make('div', 'entry-head', make('b', 'entry-title', title), make('time', '', clock(new Date(), false))),
      make('code', 'token', token),
      make('p', '', text),
    );
    this.#list.prepend(item);
    while (this.#list.childElementCount > MAX_ENTRIES) this.#list.lastElementChild?.remove();
    return item;
  }
}

function remember<T>(map: Map<number, T>, key: number, value: T): void {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_UNMATCHED && oldest !== undefined) map.delete(oldest);
}
