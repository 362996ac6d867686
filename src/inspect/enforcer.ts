import { type Connect, type ConnectChanges, type ConnectReading, writeConnect } from '../nats/connect.ts';
import { type InfoRules, rewriteInfo } from '../nats/info-rewrite.ts';
import type { Operation } from '../nats/operation.ts';
import { type LoginHint, type Policy, type PolicyContext, type Verdict, violation } from './inspection.ts';
import { linePolicy } from './line-policy.ts';

export type EnforcementRules = {
  /** Most bytes of the argument of a client's line. */
  readonly maxLineBytes: number;
  /** Applied to every INFO. */
  readonly info: InfoRules;
  readonly loginHint?: LoginHint;
  /** Asked after the line policy, which every enforcer has. An observer asks them too, and all passes. */
  readonly policies?: readonly Policy[];
};

/** How much rewriting of INFO may grow one read. A server sends a few lines at once, not thousands. */
const MAX_GROWTH_BYTES = 64 * 1024;

const SHORTER = 'a shorter CONNECT, or a larger limits.controlLineBytes and max_control_line of nats-server';

/** Asks the policies of one session for a verdict on each operation. */
export class Enforcer {
  readonly #rules: EnforcementRules;
  readonly #policies: readonly Policy[];
  #hasConnect = false;
  #growthBytes = 0;

  constructor(rules: EnforcementRules) {
    this.#rules = rules;
    this.#policies = [linePolicy, ...(rules.policies ?? [])];
  }

  /**
   * Every message must be reported, so the fast scan must be off. Before CONNECT each message is refused, so it must be
   * seen.
   */
  get needsEveryMessage(): boolean {
    return !this.#hasConnect || this.#policies.some((policy) => policy.needsEveryMessage);
  }

  /** For every operation of the client but CONNECT. */
  judge(operation: Operation, context: PolicyContext): Verdict | undefined {
    if (!this.#hasConnect) return violation('CONNECT as the first operation');
    for (const { judge } of this.#policies) {
      const verdict = judge?.(operation, context);
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  }

  /** For the first CONNECT. It is written in canonical form, with the changes of the policies. */
  judgeConnect(reading: ConnectReading, context: PolicyContext): Verdict {
    if (reading.kind === 'refused') return violation(`a plain CONNECT (${reading.sentence})`);
    this.#hasConnect = true;
    for (const { judgeConnect } of this.#policies) {
      const verdict = judgeConnect?.(reading);
      if (verdict !== undefined) return verdict;
    }
    const line = writeConnect(reading, this.#changesOf(reading, context), this.#rules.maxLineBytes);
    return line === 'too_long' ? violation(SHORTER, 'connect_too_long') : { kind: 'replace', line };
  }

  #changesOf(connect: Connect, context: PolicyContext): ConnectChanges {
    let changes: ConnectChanges = {};
    for (const policy of this.#policies) changes = { ...changes, ...policy.connect?.(connect, context) };
    return changes;
  }

  /** To be called before a read of the server is judged. */
  beginRead(): void {
    this.#growthBytes = 0;
  }

  judgeInfo(line: Buffer): Verdict | undefined {
    const rewritten = rewriteInfo(line, this.#rules.info);
    if (rewritten === undefined) return violation('INFO with a JSON object');
    if (rewritten === line) return undefined;
    this.#growthBytes += Math.max(0, rewritten.length - line.length);
    return this.#growthBytes > MAX_GROWTH_BYTES
      ? violation('fewer INFO lines at once')
      : { kind: 'replace', line: rewritten };
  }
}
