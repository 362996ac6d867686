import { element, make } from '../shared/dom.ts';
import type { Cursor } from './cursor-place.ts';

/** Tabs that are shown; more would only cover one another. */
const MAX_CURSORS = 24;
const TRAIL_PLACES = 30;
/** A tab that says nothing for this long is gone. */
const SILENT_MS = 2_500;
/** The trails' drawing is this wide and high, whatever the stage is. */
const TRAIL_UNITS = 1000;
/** Degrees between the hues of two tabs: far apart, and never the same soon. */
const HUE_STEP = 137;

type Shown = {
  readonly dot: HTMLElement;
  readonly name: HTMLElement;
  readonly trail: SVGPolylineElement;
  readonly places: string[];
  seenAtMs: number;
};

/** The cursors of all open tabs, each where its last message through the gateway put it. */
export class LiveStage {
  readonly #stage = element('live-stage');
  readonly #trails = element('live-trails', SVGSVGElement);
  readonly #shown = new Map<number, Shown>();

  get size(): number {
    return this.#shown.size;
  }

  move({ id, place }: Cursor, isThisTab: boolean): void {
    const shown = this.#shown.get(id) ?? this.#appear(id);
    if (shown === undefined) return;
    shown.seenAtMs = performance.now();
    shown.name.textContent = isThisTab ? 'this tab' : `tab ${id}`;
    shown.dot.style.left = `${place.x * 100}%`;
    shown.dot.style.top = `${place.y * 100}%`;
    shown.places.push(`${place.x * TRAIL_UNITS},${place.y * TRAIL_UNITS}`);
    if (shown.places.length > TRAIL_PLACES) shown.places.shift();
    shown.trail.setAttribute('points', shown.places.join(' '));
  }

  /** Takes away tabs that have gone. */
  tidy(): void {
    for (const [id, { seenAtMs }] of this.#shown)
      if (performance.now() - seenAtMs > SILENT_MS) this.#leave(id);
  }

  clear(): void {
    for (const id of this.#shown.keys()) this.#leave(id);
  }

  #appear(id: number): Shown | undefined {
    if (this.#shown.size >= MAX_CURSORS) return undefined;
    const name = make('span', 'cursor-name');
    const dot = make('div', 'cursor', name);
    const trail = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
    for (const drawn of [dot, trail]) drawn.style.setProperty('--hue', String((id * HUE_STEP) % 360));
    this.#stage.append(dot);
    this.#trails.append(trail);
    const shown = { dot, name, trail, places: [], seenAtMs: 0 };
    this.#shown.set(id, shown);
    return shown;
  }

  #leave(id: number): void {
    this.#shown.get(id)?.dot.remove();
    this.#shown.get(id)?.trail.remove();
    this.#shown.delete(id);
  }
}
