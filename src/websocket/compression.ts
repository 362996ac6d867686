import type { IncomingMessage } from 'node:http';
import * as ws from 'ws';
import { type BufferedEngineOptions, bufferedEngine } from './buffered.ts';
import type { Engine } from './byte-socket.ts';
import { dropEmptyElements } from './header-lists.ts';

type CompressionLimits = {
  /** Messages towards clients that are shorter go uncompressed. */
  readonly thresholdBytes: number;
  /** Compressed sessions at once. */
  readonly sessions: number;
  /** Messages that are deflated or inflated at once, in the whole process. ws keeps the first value that it gets. */
  readonly concurrency: number;
};

/** What became of permessage-deflate in a handshake, while compression is on. */
type CompressionResult = 'compressed' | 'not_offered' | 'unacceptable' | 'at_cap';

/** 64 KiB for a deflater, in place of 256, and no worse on JSON of 2 to 64 KiB; the higher levels gain 1 to 2 %. */
const DEFLATE = { windowBits: 13, memLevel: 6, level: 1 } as const;

const EXTENSION = 'permessage-deflate';

/** Exported by ws since 8.20, and absent from its types. */
const { PerMessageDeflate, extension } = ws as unknown as {
  PerMessageDeflate: new (options: object) => { accept(offers: unknown): unknown };
  extension: { parse(header: string): Readonly<Record<string, unknown>> };
};

/** What became of permessage-deflate on one route: plain numbers, which outlive a reload. */
export class CompressionCounts {
  /** Compressed sessions that are open. */
  active = 0;
  compressed = 0;
  not_offered = 0;
  unacceptable = 0;
  at_cap = 0;
}

/** Decides for each handshake whether its session is compressed, and has the engine for those that are. */
export class Compression {
  readonly #options: object;
  readonly #sessions: number;
  readonly #engine: Engine;
  readonly #counts: CompressionCounts;

  constructor(limits: CompressionLimits, engine: BufferedEngineOptions, counts: CompressionCounts) {
    const { thresholdBytes, concurrency, sessions } = limits;
    const deflate = {
      threshold: thresholdBytes,
      concurrencyLimit: concurrency,
      // nats.go rejects an answer without both, and only with both can zlib's memory be freed between messages.
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: DEFLATE.windowBits,
      zlibDeflateOptions: { level: DEFLATE.level, memLevel: DEFLATE.memLevel },
    };
    this.#options = { ...deflate, isServer: true };
    this.#sessions = sessions;
    this.#counts = counts;
    this.#engine = this.#counted(bufferedEngine({ ...engine, deflate }));
  }

  /**
   * The engine that answers this request with permessage-deflate; undefined: answer without it. A header that cannot be
   * read counts as no offer.
   */
  engineFor(request: IncomingMessage): Engine | undefined {
    dropEmptyElements(request);
    const result = this.#judge(request.headers['sec-websocket-extensions']);
    if (result === 'compressed') return this.#engine;
    this.#counts[result]++;
    return undefined;
  }

  #judge(header: string | undefined): CompressionResult {
    if (header === undefined) return 'not_offered';
    try {
      const offers = extension.parse(header)[EXTENSION];
      if (offers === undefined) return 'not_offered';
      new PerMessageDeflate(this.#options).accept(offers);
    } catch {
      return 'unacceptable';
    }
    return this.#counts.active < this.#sessions ? 'compressed' : 'at_cap';
  }

  #counted(engine: Engine): Engine {
    return {
      upgrade: (request, socket, onOpen) => {
        engine.upgrade(request, socket, (client) => {
          this.#counts.compressed++;
          this.#counts.active++;
          socket.once('close', () => this.#counts.active--);
          onOpen(client);
        });
      },
    };
  }
}
