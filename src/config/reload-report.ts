/** What became of a reload, for the caller and for the log. */
import type { Log } from '../log.ts';
import type { Change } from './settings.ts';

export type ReloadTrigger = 'signal' | 'files' | 'api';

/**
 * `applied`: something changed, and all of it runs. `unchanged`: it means the same as what runs.
 * `restart_needed`: all runs but what only a restart can change. `refused`: nothing changed.
 */
export type ReloadOutcome = 'applied' | 'unchanged' | 'restart_needed' | 'refused';

export const NO_RELOADS: Readonly<Record<ReloadOutcome, number>> = {
  applied: 0,
  unchanged: 0,
  restart_needed: 0,
  refused: 0,
};

export type ReloadReport = {
  readonly outcome: ReloadOutcome;
  readonly trigger: ReloadTrigger;
  /** ISO 8601. */
  readonly at: string;
  readonly seconds: number;
  /** What runs now and did not before; with `refused`, certificates that were taken all the same. */
  readonly changes: readonly Change[];
  /** What is written differently and waits for a restart; with `refused`, what waited before. */
  readonly restartNeeded: readonly Change[];
  /** Open sessions that began with another policy than now runs, and keep it; absent where no policy changed. */
  readonly sessionsWithOldPolicy?: number;
  /** As `natsgate check` says them. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
};

const MAX_PROBLEMS_LOGGED = 20;

/** One line, and one for each warning of a configuration that is new. */
export function logReport(log: Log, report: ReloadReport): void {
  const { outcome, trigger, seconds, changes, restartNeeded, problems, warnings, sessionsWithOldPolicy } =
    report;
  const facts = {
    trigger,
    seconds,
    ...(changes.length > 0 ? { changes: asFields(changes) } : {}),
    ...(sessionsWithOldPolicy === undefined ? {} : { sessionsWithOldPolicy }),
    ...(restartNeeded.length > 0 ? { restartNeeded: asFields(restartNeeded) } : {}),
  };
  if (outcome === 'refused') {
    const more = Math.max(0, problems.length - MAX_PROBLEMS_LOGGED);
    const shown = problems.slice(0, MAX_PROBLEMS_LOGGED);
    log.error(
      { ...facts, problems: shown, ...(more > 0 ? { moreProblems: more } : {}) },
      'configuration refused; the old one stays',
    );
    return;
  }
  if (outcome === 'restart_needed') log.warn(facts, 'configuration reloaded, but for what needs a restart');
  else log.info(facts, outcome === 'applied' ? 'configuration reloaded' : 'configuration unchanged');
  if (outcome !== 'unchanged') for (const warning of warnings) log.warn({}, warning);
}

const asFields = (changes: readonly Change[]): Record<string, string> =>
  Object.fromEntries(changes.map(({ key, from, to }) => [key, `${from} -> ${to}`]));
