import { EventEmitter, once } from 'node:events';
import type { WatchedOperation, WatchedSubscriptions } from '../../src/live/format.ts';

/** Any of the events of a watched session. */
export type Watched = Partial<WatchedOperation> & { readonly missed?: number; readonly of?: number };

/** Who watches a session by the admin API. */
export class Watching extends EventEmitter implements AsyncDisposable {
  readonly #abort = new AbortController();
  #text = '';
  ended = false;

  static async open(
    adminPort: number,
    session: number,
    headers: Record<string, string> = {},
  ): Promise<Watching> {
    const watching = new Watching();
    const url = `http://127.0.0.1:${adminPort}/api/sessions/${session}/operations`;
    const response = await fetch(url, { headers, signal: watching.#abort.signal });
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    void watching.#read(response.body as ReadableStream<Uint8Array>);
    await watching.until(() => watching.text.includes('event: watch\n'));
    return watching;
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body) {
        this.#text += decoder.decode(chunk, { stream: true });
        this.emit('change');
      }
    } catch {
      // It left, or was closed.
    }
    this.ended = true;
    this.emit('change');
  }

  get text(): string {
    return this.#text;
  }

  get lastId(): string {
    return [...this.#text.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? '';
  }

  get events(): readonly Watched[] {
    return [...this.#text.matchAll(/^event: operations\ndata: (.*)\n\n/gm)].flatMap(
      ([, data]) => JSON.parse(data ?? '') as Watched[],
    );
  }

  /** The last report of them. */
  get subscriptions(): WatchedSubscriptions | undefined {
    const [, data] = [...this.#text.matchAll(/^event: subscriptions\ndata: (.*)\n\n/gm)].at(-1) ?? [];
    return data === undefined ? undefined : JSON.parse(data);
  }

  /** Of the events that have one. */
  named(op: string): readonly Watched[] {
    return this.events.filter((event) => event.op === op);
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await once(this, 'change', { signal: AbortSignal.timeout(30_000) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.until(() => this.ended);
  }
}
