import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CLOSE_REASONS, type CloseReason } from '../src/close-reason.ts';
import { NO_MARKS } from '../src/handshake-steps.ts';
import { createLog } from '../src/log.ts';
import type { EndedSession } from '../src/session/session-contract.ts';
import { SessionLog } from '../src/session-log.ts';
import { LogCapture } from './support/gateway.ts';

const FLOOD = 20_000;

function sessionLogAt(clock: { nowMs: number }): { sessionLog: SessionLog; log: LogCapture } {
  const log = new LogCapture();
  const sessionLog = new SessionLog(createLog({ level: 'info', format: 'json' }, log), () => clock.nowMs);
  return { sessionLog, log };
}

const ended = (reason: CloseReason, id: number): EndedSession => ({
  facts: {
    id,
    clientAddress: '192.0.2.1',
    origin: undefined,
    route: 'default',
    upstream: 'n:4222',
    natsClientId: undefined,
    ...NO_MARKS,
    acceptedUs: 0,
  },
  reason,
  code: 1008,
  seconds: 1,
  bytesToUpstream: 0,
  bytesToClient: 0,
  framesToUpstream: 0,
  framesToClient: 0,
  clientName: undefined,
  natsUser: undefined,
  serverErrors: 0,
  serverError: undefined,
  bufferedBytes: { client: 0, upstream: 0 },
  waitingMs: { client: 0, upstream: 0 },
  hint: undefined,
});

describe('a client that connects in a loop fills no disk', () => {
  for (const reason of Object.keys(CLOSE_REASONS) as CloseReason[]) {
    if (reason === 'draining') continue;
    const [burst, perSecond] = CLOSE_REASONS[reason].level === 'info' ? [1000, 100] : [100, 10];
    test(`${reason}: ${burst} lines whole, then ${perSecond} a second, and each says how many there were not`, () => {
      const clock = { nowMs: 0 };
      const { sessionLog, log } = sessionLogAt(clock);
      for (let id = 0; id < FLOOD; id++) sessionLog.sessionEnded(ended(reason, id));
      assert.equal(log.lines.length, burst);
      assert.ok(log.lines.every((line) => line['suppressed'] === undefined));
      clock.nowMs = 1000;
      for (let id = 0; id < FLOOD; id++) sessionLog.sessionEnded(ended(reason, id));
      const [next, ...more] = log.lines.slice(burst);
      assert.equal(next?.['suppressed'], FLOOD - burst);
      assert.equal(more.length, perSecond - 1);
    });
  }

  test('one kind of end takes no line from another', () => {
    const { sessionLog, log } = sessionLogAt({ nowMs: 0 });
    for (let id = 0; id < FLOOD; id++) sessionLog.sessionEnded(ended('nats_violation', id));
    sessionLog.sessionEnded(ended('slow_consumer', FLOOD));
    assert.equal(log.lines.at(-1)?.['reason'], 'slow_consumer');
  });

  test('parser stops of each direction, and faults: ten a second', () => {
    const clock = { nowMs: 0 };
    const { sessionLog, log } = sessionLogAt(clock);
    const stop = { problem: 'verb', offset: 0, expected: 'an operation of a client', found: '.' } as const;
    const who = { id: 1, clientAddress: '192.0.2.1' };
    const round = (): void => {
      for (let id = 0; id < 100; id++) {
        sessionLog.parserStopped(who, 'to_upstream', stop, 'enforce');
        sessionLog.parserStopped(who, 'to_client', stop, 'observe');
        sessionLog.faulted(new Error('x'));
      }
    };
    round();
    assert.equal(log.lines.length, 30);
    clock.nowMs = 1000;
    round();
    assert.deepEqual(
      log.lines.slice(30, 33).map((line) => line['suppressed']),
      [90, 90, 90],
    );
    assert.equal(log.lines.length, 60);
  });
});

test('a drain tells of each session', () => {
  const { sessionLog, log } = sessionLogAt({ nowMs: 0 });
  for (let id = 0; id < FLOOD; id++) sessionLog.sessionEnded(ended('draining', id));
  assert.equal(log.lines.length, FLOOD);
});

test('connections that are closed unanswered: one line for each reason, and one every ten seconds', () => {
  const clock = { nowMs: 0 };
  const { sessionLog, log } = sessionLogAt(clock);
  for (let each = 0; each < FLOOD; each++) sessionLog.connectionDropped('pending');
  sessionLog.connectionDropped('cap');
  clock.nowMs = 10_000;
  sessionLog.connectionDropped('pending');
  assert.deepEqual(
    log.lines.map((line) => [line['level'], line.message, line['reason'], line['connections']]),
    [
      ['warn', 'connections closed unanswered', 'pending', 1],
      ['warn', 'connections closed unanswered', 'cap', 1],
      ['warn', 'connections closed unanswered', 'pending', FLOOD],
    ],
  );
});

test('a session that begins is a line at debug, bounded like its end', () => {
  const log = new LogCapture();
  const sessionLog = new SessionLog(createLog({ level: 'debug', format: 'json' }, log), () => 0);
  for (let id = 0; id < FLOOD; id++) sessionLog.sessionBegan({ ...ended('client_closed', id).facts }, 0.0123);
  assert.equal(log.lines.length, 1000);
  const { time: _, ...first } = log.lines[0] ?? { message: '' };
  assert.deepEqual(first, {
    level: 'debug',
    session: 0,
    client: '192.0.2.1',
    upstream: 'n:4222',
    milliseconds: 12,
    message: 'session began',
  });
});

test('no name that the server quotes is in the log, whatever is escaped in it or cut', () => {
  const { sessionLog, log } = sessionLogAt({ nowMs: 0 });
  for (const name of ['"a.\\"jane\\".x"', '"a.\\\\".', '"a.jane', '"a.jane\\'])
    sessionLog.sessionEnded({ ...ended('client_gone', 1), serverError: `for Publish to ${name}` });
  assert.deepEqual(
    log.lines.map((line) => line['serverError']),
    ['for Publish to "…"', 'for Publish to "…".', 'for Publish to "…"', 'for Publish to "…"'],
  );
});
