import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  type Budget,
  type BudgetWants,
  budgetWarning,
  makeBudget,
  type SessionShape,
} from '../src/budget.ts';

const ADMIN = 48;
/** What Node, logs, files, lookups and listeners are left. */
const RESERVE = 48;

const CLEAR: SessionShape = {
  tls: false,
  upstreamTls: false,
  inspected: false,
  ringBytes: 0,
  compressedSessions: 0,
};

const budget = (wants: Partial<BudgetWants> = {}): Budget =>
  makeBudget({
    configuredSessions: undefined,
    descriptors: undefined,
    memoryBytes: undefined,
    adminConnections: ADMIN,
    shape: CLEAR,
    headBytes: 8192,
    ...wants,
  });

for (const [configured, descriptors, sessions, limitedBy] of [
  [undefined, undefined, 10_000, 'default'],
  [undefined, 1_048_576, 10_000, 'default'],
  [undefined, 20_000, 9600, 'descriptors'],
  [undefined, 1024, 384, 'descriptors'],
  [undefined, 256, 60, 'descriptors'],
  [undefined, 128, 5, 'descriptors'],
  [undefined, 10, 1, 'descriptors'],
  [50_000, 1_048_576, 50_000, 'configured'],
  [50_000, undefined, 50_000, 'configured'],
  [60, 256, 60, 'configured'],
] as const) {
  test(`${configured ?? 'nothing'} configured, ${descriptors ?? 'unknown'} descriptors: ${sessions} sessions`, () => {
    const made = budget({ configuredSessions: configured, descriptors });
    assert.deepEqual([made.sessions, made.limitedBy], [sessions, limitedBy]);
  });
}

test('all that may be open at once fits into every limit, with the reserve left', () => {
  for (let descriptors = 120; descriptors < 40_000; descriptors += 7) {
    const { sessions, maxConnections, extraDials } = budget({ descriptors });
    const open = ADMIN + maxConnections + sessions + extraDials;
    assert.ok(open + RESERVE <= descriptors, `${open} of ${descriptors}`);
  }
});

test('connections without a verdict have places of their own beside the sessions', () => {
  for (const [descriptors, pending] of [
    [undefined, 512],
    [4096, 512],
    [1024, 128],
    [256, 32],
    [128, 16],
    [10, 8],
  ] as const) {
    const made = budget({ descriptors });
    assert.equal(made.pendingConnections, pending);
    assert.equal(made.maxConnections, made.sessions + pending + Math.ceil(pending / 8));
  }
});

test('more than the descriptors carry is refused, and says what to write', () => {
  assert.throws(
    () => budget({ configuredSessions: 61, descriptors: 256 }),
    /limits\.sessions: 61 sessions need 258 file descriptors.*may open 256.*at most 60/,
  );
});

test('descriptors that cost a few sessions of the default are no matter for a warning, a fifth is', () => {
  for (const [configured, descriptors, low] of [
    [undefined, undefined, false],
    [undefined, 20_480, false],
    [undefined, 20_000, false],
    [undefined, 16_800, false],
    [undefined, 16_798, true],
    [undefined, 1024, true],
    [100, 1024, false],
  ] as const) {
    const made = budget({ configuredSessions: configured, descriptors });
    assert.equal(budgetWarning(made) !== undefined, low, String(descriptors));
  }
});

test('docs/sizing.md: what memory carries is what the gateway computes, within a twentieth', () => {
  const page = readFileSync(new URL('../docs/sizing.md', import.meta.url), 'utf8');
  const shapes: readonly Partial<SessionShape>[] = [
    {},
    { tls: true },
    { inspected: true },
    { tls: true, inspected: true },
    { compressedSessions: 500 },
  ];
  const rows = [...page.matchAll(/^\| (\d+) ([MG])iB ((?:\| [\d,]+ ){5})\|$/gm)];
  assert.equal(rows.length, 4);
  for (const [row, amount = '', unit = '', cells = ''] of rows) {
    const memoryBytes = Number(amount) * (unit === 'G' ? 2 ** 30 : 2 ** 20);
    const said = cells.match(/[\d,]+/g)?.map((cell) => Number(cell.replace(',', ''))) ?? [];
    for (const [index, more] of shapes.entries()) {
      const { sessionsByMemory } = budget({
        memoryBytes,
        descriptors: 1_048_576,
        shape: { ...CLEAR, ...more },
      });
      const off = Math.abs((said[index] ?? 0) - sessionsByMemory);
      assert.ok(off <= sessionsByMemory / 20, `${row}: is ${sessionsByMemory}`);
    }
  }
});
