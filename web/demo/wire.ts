import { byteSize } from '../shared/byte-size.ts';
import { element, make } from '../shared/dom.ts';
import { CURSORS } from './cursor-place.ts';
import { subjectMatches } from './subject.ts';
import { type WirePiece, WireReader } from './wire-reader.ts';

const MAX_ROWS = 60;
const MAX_PIECES = 6;
const DRAW_INTERVAL_MS = 150;

type Direction = 'up' | 'down';
const ARROWS: Readonly<Record<Direction, string>> = { up: '→', down: '←' };
const WORDS: Readonly<Record<Direction, string>> = { up: 'to natsgate', down: 'to this page' };

/** What this tab's own WebSocket carries, newest first: a box is a frame, a line in it a NATS operation. */
export class Wire {
  readonly #list = element('wire', HTMLOListElement);
  readonly #withCursors = element('wire-cursors', HTMLInputElement);
  readonly #pause = element('wire-pause', HTMLButtonElement);
  readonly #left = element('wire-left');
  #waiting: HTMLLIElement[] = [];
  #frames = 0;
  #isPaused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#pause.addEventListener('click', () => {
      this.#isPaused = !this.#isPaused;
      this.#pause.setAttribute('aria-pressed', String(this.#isPaused));
    });
  }

  /** Looks at all that the socket sends and gets from now on. */
  watch(socket: WebSocket): void {
    const readers = { up: new WireReader(), down: new WireReader() };
    socket.addEventListener('open', () => this.#add(borderRow('WebSocket open')));
    socket.addEventListener('message', ({ data }) => this.#frame('down', readers.down, data));
    socket.addEventListener('close', ({ code, reason }) =>
      this.#add(borderRow(`WebSocket closed: ${code} ${reason}`)),
    );
    const send = socket.send.bind(socket);
    socket.send = (data) => {
      this.#frame('up', readers.up, data);
      send(data);
    };
  }

  #frame(direction: Direction, reader: WireReader, data: unknown): void {
    if (!(data instanceof ArrayBuffer || data instanceof Uint8Array)) return;
    const bytes = new Uint8Array(data instanceof ArrayBuffer ? data : data.buffer, ...viewOf(data));
    const pieces = reader.frame(bytes);
    this.#frames++;
    const isOfCursors = pieces.every(({ subject = '' }) => subjectMatches(CURSORS, subject));
    if (this.#isPaused || document.hidden || (isOfCursors && !this.#withCursors.checked)) this.#schedule();
    else if (this.#waiting.length < MAX_ROWS) this.#add(frameRow(direction, bytes.length, pieces));
  }

  #add(row: HTMLLIElement): void {
    if (this.#waiting.length < MAX_ROWS) this.#waiting.push(row);
    this.#schedule();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#list.prepend(...this.#waiting.splice(0).reverse());
      while (this.#list.childElementCount > MAX_ROWS) this.#list.lastElementChild?.remove();
      this.#left.textContent = `${this.#frames.toLocaleString('en')} frames`;
    }, DRAW_INTERVAL_MS);
  }
}

const viewOf = (data: ArrayBuffer | Uint8Array): [number, number] =>
  data instanceof ArrayBuffer ? [0, data.byteLength] : [data.byteOffset, data.byteLength];

function frameRow(direction: Direction, bytes: number, pieces: readonly WirePiece[]): HTMLLIElement {
  const head = make('span', 'wire-head', `${ARROWS[direction]} ${byteSize(bytes)}`);
  head.title = `A frame ${WORDS[direction]}`;
  const lines = pieces.slice(0, MAX_PIECES).map(({ line, payload }) => {
    const [verb = '', ...rest] = line.split(' ');
    return make('code', '', make('b', '', verb), ` ${rest.join(' ')}`, make('i', '', payload));
  });
  if (pieces.length > MAX_PIECES)
    lines.push(make('code', '', `and ${pieces.length - MAX_PIECES} more in this frame`));
  return make('li', direction, head, make('span', 'wire-lines', ...lines));
}

const borderRow = (text: string): HTMLLIElement => make('li', 'wire-border', text);
