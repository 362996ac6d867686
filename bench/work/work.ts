import type { Layout } from '../affinity.ts';
import type { Helper } from '../helper.ts';
import type { GeneratorMethods } from '../load/generator.ts';
import type { UpstreamMethods } from '../load/upstream.ts';
import type { Subject, SubjectKind } from '../subjects/subject.ts';

/** The processes around the subject. */
export type Bench = {
  readonly generator: Helper<GeneratorMethods>;
  readonly upstream: Helper<UpstreamMethods>;
  readonly upstreamPort: number;
};

/** What one measurement gave, by column key. */
export type Figures = Readonly<Record<string, number>>;

export type Column = { readonly key: string; readonly title: string; readonly digits: number };

export type Measurement = {
  readonly subject: Subject;
  readonly kind: SubjectKind;
  /** This round is thrown away: the time for whatever checks cost. */
  readonly warmUp: boolean;
  /** Part of the full work, 0 to 1. */
  readonly scale: number;
};

/** One kind of work, the same for all its subjects. */
export type Work = {
  readonly name: string;
  readonly title: string;
  /** The first is the one that counts: with its spread, and compared with the control. */
  readonly columns: readonly Column[];
  readonly compare: 'ratio' | 'difference';
  readonly layout: Layout;
  readonly tls?: boolean;
  /** Memory is measured: a new process each time, and fewer rounds. */
  readonly memory?: boolean;
  takes(kind: SubjectKind): boolean;
  measure(bench: Bench, measurement: Measurement): Promise<Figures>;
};
