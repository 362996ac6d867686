export type StreamBytes = Uint8Array<ArrayBuffer>;

/** One answer that goes on: Server-Sent Events to one page. */
export class OpenStream {
  readonly body: ReadableStream<StreamBytes>;
  #controller: ReadableStreamDefaultController<StreamBytes> | undefined;
  readonly #onGone: () => void;

  /**
   * A page that does not read is dropped when more than `maxUnreadBytes` wait for it. `onGone`: once, when it has left or
   * was dropped.
   */
  constructor(maxUnreadBytes: number, onGone: () => void) {
    this.#onGone = onGone;
    this.body = new ReadableStream<StreamBytes>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => this.#forget(),
      },
      { highWaterMark: maxUnreadBytes, size: (bytes) => bytes.byteLength },
    );
  }

  send(frames: string | Buffer<ArrayBuffer>): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    if ((controller.desiredSize ?? 0) < 0) this.end();
    else controller.enqueue(typeof frames === 'string' ? Buffer.from(frames) : frames);
  }

  /** In order: an error would be one of the server, which has none. */
  end(): void {
    const controller = this.#controller;
    this.#forget();
    controller?.close();
  }

  #forget(): void {
    if (this.#controller === undefined) return;
    this.#controller = undefined;
    this.#onGone();
  }
}
