import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const compress = promisify(gzip);

/**
 * A text is used again for this long. It is shorter than any scrape interval, and many scrapes at once cost as much as
 * one.
 */
const FRESH_MS = 250;

export type MetricsText = { readonly contentType: string; readonly body: string };
export type MetricsBytes = { readonly contentType: string; readonly body: Buffer<ArrayBuffer> };
type Page = MetricsBytes & { zipped: Promise<Buffer<ArrayBuffer>> | undefined };
type Made = { readonly page: Promise<Page>; freshUntilMs: number };

/** What /metrics answers, in each format made and compressed once for all who ask at the same moment. */
export class MetricsPage {
  readonly #make: (openMetrics: boolean) => Promise<MetricsText>;
  readonly #nowMs: () => number;
  readonly #made = new Map<boolean, Made>();

  constructor(make: (openMetrics: boolean) => Promise<MetricsText>, nowMs = () => performance.now()) {
    this.#make = make;
    this.#nowMs = nowMs;
  }

  /** @throws what making it threw. */
  async get(openMetrics: boolean, zipped: boolean): Promise<MetricsBytes> {
    const page = await this.#current(openMetrics);
    if (!zipped) return page;
    page.zipped ??= compress(page.body);
    return { contentType: page.contentType, body: await page.zipped };
  }

  /** Requests from now on get the numbers of now. */
  forget(): void {
    this.#made.clear();
  }

  #current(openMetrics: boolean): Promise<Page> {
    const known = this.#made.get(openMetrics);
    if (known !== undefined && this.#nowMs() < known.freshUntilMs) return known.page;
    const page = this.#make(openMetrics).then(({ contentType, body }) => ({
      contentType,
      body: Buffer.from(body),
      zipped: undefined,
    }));
    // While it is being made, nobody makes another.
    const made: Made = { page, freshUntilMs: Number.POSITIVE_INFINITY };
    this.#made.set(openMetrics, made);
    page.then(
      () => {
        made.freshUntilMs = this.#nowMs() + FRESH_MS;
      },
      () => {
        if (this.#made.get(openMetrics) === made) this.#made.delete(openMetrics);
      },
    );
    return page;
  }
}
