import type { Rule } from './rules.ts';

/** What a policy has refused, or would have. */
export type RefusedOperation = {
  readonly role: string;
  readonly rule: Rule;
  readonly verdict: 'denied' | 'would_deny';
  readonly operation: string;
  /** Of a refused reply, the reply. */
  readonly subject: string;
  readonly queue: string;
};
