/**
 * Streams that are always run, before the random ones: each was a difference once, or is a border at which one would
 * show first. A failure of the fuzzer prints its entry for this list.
 */
export type Regression = {
  readonly why: string;
  readonly cap: number;
  /** In hex, as they arrived. */
  readonly pieces: readonly string[];
};

export const REGRESSIONS: readonly Regression[] = [
  { why: 'nothing at all', cap: 1000, pieces: [] },
  {
    why: 'text, refused at its header by one engine and never complete for the other',
    cap: 1000,
    pieces: ['82810000000061', '0184', '00000000', '74657874'],
  },
  {
    why: 'text that is no UTF-8, a violation for the engine that reads it to its end',
    cap: 1000,
    pieces: ['818200000000c328', '828100000000', '61'],
  },
  {
    why: 'a length above 2^53 - 1 on a control frame is a control frame that is too long',
    cap: 1000,
    pieces: ['89ff', 'ffffffffffffffff', '00000000'],
  },
  {
    why: 'two fragments that are over the cap only together',
    cap: 125,
    pieces: [`02fd00000000${'61'.repeat(125)}`, '8081', '00000000', '62'],
  },
  {
    why: 'the close frame cut between its code and its reason, a message behind it',
    cap: 1000,
    pieces: ['888512345678', '11dc', '34', '56', '78', '82810000000061'],
  },
  {
    why: 'a close code that nobody may send, with a reason that is no UTF-8: the code is judged first',
    cap: 1000,
    pieces: ['88840000000003edc328'],
  },
  {
    why: 'a ping inside a message, cut in its header and its payload',
    cap: 1000,
    pieces: ['02810000000061', '89', '8301', '020304', '717371', '80810000000062'],
  },
  {
    why: 'an empty continuation ends a message, so that the next one may begin',
    cap: 1000,
    pieces: ['02810000000061', '808000000000', '8281000000', '0062'],
  },
  {
    why: 'a violation, and in the same read what looks like more pings than are allowed: the violation came first',
    cap: 1000,
    pieces: [`820178${'898000000000'.repeat(101)}`],
  },
];
