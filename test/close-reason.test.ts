import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { AUTH_DETAILS } from '../src/auth/details.ts';
import { CLOSE_REASONS, type CloseReasonRow } from '../src/close-reason.ts';
import { HANDSHAKE_OUTCOMES } from '../src/handshake-outcome.ts';

const DOCUMENT = readFileSync(new URL('../docs/close-reasons.md', import.meta.url), 'utf8');

/** Cells of the table rows of a section that begin with a word in backquotes. */
function rows(section: string): string[][] {
  const text = DOCUMENT.split(/^## /m).find((part) => part.startsWith(section)) ?? '';
  return text
    .split('\n')
    .filter((line) => /^\| `\w+` \|/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

test('close reasons: table and document name the same rows', () => {
  const documented = rows('Sessions').map((cells) => cells.slice(0, 5));
  const coded = Object.entries<CloseReasonRow>(CLOSE_REASONS).map(([reason, row]) => {
    const code =
      reason === 'frame_violation' ? '1002, or 1007 for a close reason that is not UTF-8' : String(row.code);
    const finalError = row.finalError === undefined ? 'none' : `\`${row.finalError}\``;
    return [`\`${reason}\``, code, row.initiator, row.level, finalError];
  });
  assert.deepEqual(documented, coded);
});

test('handshake outcomes: table and document name the same rows, in the order of the checks', () => {
  const documented = rows('Handshakes').map(([outcome, status, faultClass]) => [outcome, status, faultClass]);
  const coded = Object.entries(HANDSHAKE_OUTCOMES).map(([outcome, row]) => [
    `\`${outcome}\``,
    row.status === 0 ? 'none' : String(row.status),
    row.class,
  ]);
  assert.deepEqual(documented, coded);
});

/** Details that go with either of two outcomes. */
const OF_TWO: Readonly<Record<string, string>> = {
  token_ambiguous: '`cookie` or `bad_request`',
  webhook_denied: '`unauthenticated` or `forbidden`',
  identity: '`too_many_sessions` or `too_many_handshakes`',
};

test('details of a refused login: table and document name the same rows', () => {
  const documented = rows('Details').map(([detail, outcome, level]) => [detail, outcome, level]);
  const coded = Object.entries(AUTH_DETAILS).map(([detail, { outcome, level }]) => [
    `\`${detail}\``,
    OF_TWO[detail] ?? `\`${outcome}\``,
    level,
  ]);
  assert.deepEqual(documented, coded);
});

test('codes are those that a server may send, tokens fit a close frame, and peers that vanish are no error', () => {
  for (const [reason, row] of Object.entries<CloseReasonRow>(CLOSE_REASONS)) {
    if (typeof row.code === 'number')
      assert.ok([1001, 1002, 1003, 1007, 1008, 1009, 1011].includes(row.code), reason);
    assert.match(reason, /^[a-z_]{1,40}$/);
    if (row.initiator === 'client') assert.equal(row.level, 'info', reason);
    assert.match(row.sentence, /^[A-Za-z].*\.$/, reason);
  }
});

test('an outcome says what to do and names nothing of a machine', () => {
  for (const [outcome, row] of Object.entries(HANDSHAKE_OUTCOMES)) {
    assert.match(row.sentence, /^[A-Za-z].*[.?)]$/, outcome);
    assert.ok(row.status === 0 || row.status === 101 || row.status >= 400, outcome);
    assert.equal(row.class === 'server_fault', row.status >= 500 && row.status !== 505, outcome);
  }
});
