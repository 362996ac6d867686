import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** What a helper process offers: named functions over plain data. */
export type Methods = Readonly<Record<string, (argument: never) => unknown>>;

type Call = { readonly id: number; readonly name: string; readonly argument: unknown };
type Reply = { readonly id: number; readonly result?: unknown; readonly error?: string };
type Result<M extends Methods, Name extends keyof M> = Awaited<ReturnType<M[Name]>>;

const CALL_TIMEOUT_MS = 180_000;

/** In the helper process: answers the calls of the process that started it. */
export function serve(methods: Methods): void {
  process.on('message', (call: Call) => {
    const answer = async (): Promise<unknown> => methods[call.name]?.(call.argument as never);
    answer().then(
      (result) => process.send?.({ id: call.id, result }),
      (error: Error) => process.send?.({ id: call.id, error: error.message }),
    );
  });
  process.on('disconnect', () => process.exit(0));
}

/** A process of ours that works for the bench: generator or upstream. */
export class Helper<M extends Methods> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #nextId = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (reply: Reply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    child.on('exit', (code) => {
      for (const [id, settle] of this.#waiting) settle({ id, error: `a helper ended with ${code}` });
    });
  }

  static async start<M extends Methods>(file: string): Promise<Helper<M>> {
    const child = fork(file, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await once(child, 'spawn');
    return new Helper<M>(child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async call<Name extends keyof M & string>(
    name: Name,
    argument: Parameters<M[Name]>[0] = undefined as Parameters<M[Name]>[0],
  ): Promise<Result<M, Name>> {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.#waiting.set(id, resolve);
    const deadline = setTimeout(() => resolve({ id, error: 'no answer in time' }), CALL_TIMEOUT_MS);
    this.#child.send({ id, name, argument } satisfies Call);
    const reply = await promise;
    clearTimeout(deadline);
    if (reply.error !== undefined) throw new Error(`${name}: ${reply.error}`);
    return reply.result as Result<M, Name>;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
