import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSE_REASONS, type CloseReason } from '../src/close-reason.ts';
import { Counters } from '../src/counters.ts';
import { HANDSHAKE_OUTCOMES, type HandshakeOutcome } from '../src/handshake-outcome.ts';

test('every outcome and every reason is counted once, and was 0 before', () => {
  const counters = new Counters();
  counters.addRoute('default');
  for (const outcome of Object.keys(HANDSHAKE_OUTCOMES) as HandshakeOutcome[]) {
    assert.equal(counters.handshakes[outcome], 0);
    counters.handshakeAnswered(outcome, 'default');
    assert.equal(counters.handshakes[outcome], 1);
  }
  for (const reason of Object.keys(CLOSE_REASONS) as CloseReason[]) {
    assert.equal(counters.ends[reason], 0);
    counters.sessionEnded({ reason, code: 1006 });
    assert.equal(counters.ends[reason], 1);
  }
  const classes = Object.values(counters.routes.get('default')?.handshakes ?? {});
  assert.equal(
    classes.reduce((sum, count) => sum + count, 0),
    Object.keys(HANDSHAKE_OUTCOMES).length,
  );
});

test('close codes: one frame there, or there and back; those of applications are folded', () => {
  const counters = new Counters();
  const ends: readonly [CloseReason, number][] = [
    ['client_closed', 1000],
    ['client_closed', 3999],
    ['client_closed', 4000],
    ['client_closed', 2999],
    ['upstream_closed', 1001],
    ['client_gone', 1006],
  ];
  for (const [reason, code] of ends) counters.sessionEnded({ reason, code });
  const positive = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).filter(([, count]) => count > 0);
  const ofClients = [
    ['1000', 1],
    ['3xxx', 1],
    ['4xxx', 1],
    ['other', 1],
  ];
  assert.deepEqual(positive(counters.closeFrames.received), ofClients);
  assert.deepEqual(positive(counters.closeFrames.sent), [ofClients[0], ['1001', 1], ...ofClients.slice(1)]);
});

test('a route that is forgotten leaves what it has carried, and its late handshakes no entry', () => {
  const counters = new Counters();
  for (const name of ['default', '/a']) {
    const { traffic } = counters.addRoute(name);
    traffic.bytesToUpstream = 10;
    traffic.clientPauses = 1;
    counters.addUpstream(name);
    counters.upstreamConnected(name, 'ok');
  }
  counters.keepOnly(new Set(['default']));
  counters.handshakeAnswered('accepted', '/a');
  counters.upstreamConnected('/a', 'ok');
  assert.deepEqual([...counters.routes.keys()], ['default']);
  assert.deepEqual([...counters.connects.keys()], ['default']);
  assert.equal(counters.traffic.bytesToUpstream, 20);
  assert.equal(counters.traffic.clientPauses, 2);
  assert.equal(counters.addRoute('/a').traffic.bytesToUpstream, 0, 'it may come again');
  assert.equal(counters.traffic.bytesToUpstream, 20);
});
