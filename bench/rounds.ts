import { pin } from './affinity.ts';
import type { Certificate } from './certificate.ts';
import { shuffled } from './statistics.ts';
import type { Subject, SubjectKind } from './subjects/subject.ts';
import type { Bench, Figures, Work } from './work/work.ts';

export type RoundOptions = {
  readonly rounds: number;
  /** Part of the full work, 0 to 1. */
  readonly scale: number;
  readonly certificate: Certificate | undefined;
  say(line: string): void;
};

/** Figures of one subject, in the order of the rounds; the warm-up is not among them. */
export type Result = {
  readonly kind: SubjectKind;
  readonly figures: readonly Figures[];
  readonly problem?: string;
};

/**
 * Every round measures every subject once, in random order, so that whatever disturbs the machine meets all of
 * them. The first round warms up.
 */
export async function runRounds(
  bench: Bench,
  work: Work,
  kinds: readonly SubjectKind[],
  options: RoundOptions,
): Promise<readonly Result[]> {
  const taken = kinds.filter((kind) => work.takes(kind));
  const entrants = taken.map((kind) => new Entrant(bench, work, kind, options));
  try {
    for (let round = 0; round <= options.rounds; round++) {
      options.say(`${work.name}: ${round === 0 ? 'warm-up' : `round ${round} of ${options.rounds}`}`);
      for (const entrant of shuffled(entrants)) await entrant.measure(round === 0);
    }
  } finally {
    for (const entrant of entrants) await entrant.stop();
  }
  return entrants.map((entrant) => entrant.result);
}

/** A subject in one kind of work. */
class Entrant {
  readonly #bench: Bench;
  readonly #work: Work;
  readonly #kind: SubjectKind;
  readonly #options: RoundOptions;
  readonly #figures: Figures[] = [];
  #subject: Subject | undefined;
  #problem: string | undefined;

  constructor(bench: Bench, work: Work, kind: SubjectKind, options: RoundOptions) {
    this.#bench = bench;
    this.#work = work;
    this.#kind = kind;
    this.#options = options;
  }

  get result(): Result {
    const problem = this.#problem;
    return { kind: this.#kind, figures: this.#figures, ...(problem === undefined ? {} : { problem }) };
  }

  /** A failure ends this subject's part, not the run. */
  async measure(warmUp: boolean): Promise<void> {
    if (this.#problem !== undefined) return;
    try {
      const figures = await this.#measure(warmUp);
      if (!warmUp) this.#figures.push(figures);
    } catch (error) {
      this.#problem = (error as Error).message;
      this.#options.say(`${this.#work.name}, ${this.#kind.name}: ${this.#problem}`);
    }
    await this.#bench.generator.call('closeAll');
    await this.#bench.upstream.call('dropAll');
    if (this.#work.memory === true || this.#problem !== undefined) await this.stop();
  }

  async stop(): Promise<void> {
    await this.#subject?.stop();
    this.#subject = undefined;
  }

  async #measure(warmUp: boolean): Promise<Figures> {
    const { generator, upstream } = this.#bench;
    this.#subject ??= await this.#start();
    const subject = this.#subject;
    // With one processor V8 keeps tens of MB of collected pages, whatever the sessions cost (Node 26.10).
    if (this.#work.memory !== true) {
      pin(this.#work.layout, { subject: subject.pids(), generator: generator.pid, upstream: upstream.pid });
    }
    return this.#work.measure(this.#bench, {
      subject,
      kind: this.#kind,
      warmUp,
      scale: this.#options.scale * (this.#kind.shares?.[this.#work.name] ?? 1),
    });
  }

  #start(): Promise<Subject> {
    const { certificate } = this.#options;
    const tls = this.#work.tls === true;
    if (tls && certificate === undefined)
      throw new Error('there is no openssl program to make a certificate');
    return this.#kind.start({
      upstreamPort: this.#bench.upstreamPort,
      ...(tls && certificate !== undefined ? { tls: certificate } : {}),
      exactMemory: this.#work.memory === true,
    });
  }
}
