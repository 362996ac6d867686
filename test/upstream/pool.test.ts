import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Places } from '../../src/places.ts';
import { Readiness } from '../../src/upstream/readiness.ts';
import { type Bench, bench, IN_CLEAR, placed, turn } from './support.ts';

const THREE = ['10.0.0.1', '10.0.0.2', '10.0.0.3'] as const;
const [A, B, C] = THREE;

/** What must hold after every dial. */
async function assertClean({ servers, tools, pool, places }: Bench, open: number): Promise<void> {
  // A line that waits for its second to be over is no leftover.
  await tools.advance(1000);
  assert.equal(servers.inFlight, 0, 'attempts left');
  assert.equal(servers.sockets.filter((socket) => !socket.destroyed).length, open, 'sockets left');
  assert.equal(tools.timers, 0, 'timers left');
  assert.equal(places.taken, 0, 'places left');
  assert.equal(
    pool.status().reduce((sum, { sessions }) => sum + sessions, 0),
    open,
  );
}

describe('one dial', () => {
  test('the first server speaks: one attempt, one socket', async () => {
    const one = bench(THREE);
    assert.equal(await placed(one), A);
    assert.deepEqual(one.servers.attempts, [A]);
    assert.equal(one.tools.timers, 0);
    await assertClean(one, 1);
    one.servers.sockets[0]?.destroy();
    await assertClean(one, 0);
  });

  test('one that refuses: the next at once; it is then passed over until its backoff ends', async () => {
    const one = bench(THREE);
    one.servers.behaviour.set(A, 'upstream_refused');
    assert.equal(await placed(one), B);
    assert.equal(one.tools.nowMs(), 0);
    assert.equal(await placed(one), B);
    assert.deepEqual(one.servers.attempts, [A, B, B]);
    one.servers.behaviour.set(A, 'speaks');
    await one.tools.advance(500);
    assert.equal(await placed(one), A);
    await assertClean(one, 3);
  });

  test('one that is silent costs 300 ms, two 600 ms; the next clients nothing', async () => {
    for (const [silent, expected, tookMs] of [
      [[A], B, 300],
      [[A, B], C, 600],
    ] as const) {
      const one = bench(THREE);
      for (const address of silent) one.servers.behaviour.set(address, 'silent');
      let at = '';
      void placed(one).then((address) => (at = address));
      await one.tools.advance(tookMs - 1);
      assert.equal(at, '');
      await one.tools.advance(1);
      assert.equal(at, expected);
      assert.deepEqual(
        one.servers.connects,
        silent.map(() => 'timeout'),
      );
      assert.equal(await placed(one), expected, 'marked');
      await one.tools.advance(1000);
      await assertClean(one, 2);
    }
  });

  test('a dial for whose second connection there is no descriptor waits with the one it has', async () => {
    const places = new Places(1);
    const one = bench(THREE, {}, places);
    one.servers.behaviour.set(A, { after: 1000 });
    one.servers.behaviour.set(B, 'silent');
    const first = placed(one);
    await one.tools.advance(300);
    assert.deepEqual([one.servers.attempts, places.taken], [[A, B], 1]);
    const second = placed(one);
    await one.tools.advance(599);
    assert.deepEqual(one.servers.attempts, [A, B, A], 'neither a third server nor company');
    await one.tools.advance(101);
    assert.equal(await first, A);
    await one.tools.advance(600);
    assert.equal(await second, A);
    await assertClean(one, 2);
  });

  test('without a place a lame duck is taken as soon as nothing else is under way', async () => {
    const one = bench(THREE, {}, new Places(0));
    one.servers.behaviour.set(A, 'lame');
    assert.equal(await placed(one), A);
    assert.deepEqual(one.servers.attempts, [A]);
    await assertClean(one, 1);
  });

  test('one that is only slow wins over the one that was asked beside it, and is not marked', async () => {
    const one = bench([A, B]);
    one.servers.behaviour.set(A, { after: 900 }).set(B, { after: 1000 });
    const dialled = placed(one);
    await one.tools.advance(900);
    assert.equal(await dialled, A);
    await turn();
    assert.deepEqual(one.servers.attempts, [A, B]);
    assert.deepEqual(
      one.pool.status().map(({ state }) => state),
      ['up', 'untried'],
    );
    await assertClean(one, 1);
  });

  test('a process that was frozen itself asks nobody else before it has looked for the answer', async () => {
    const one = bench([A, B]);
    one.servers.behaviour.set(A, { after: 500 });
    const dialled = placed(one);
    one.tools.freeze(400);
    await one.tools.advance(100);
    assert.equal(await dialled, A);
    assert.deepEqual(one.servers.attempts, [A]);
    await assertClean(one, 1);
    // But it does so only once.
    const other = bench([A, B]);
    other.servers.behaviour.set(A, 'silent');
    const second = placed(other);
    other.tools.freeze(400);
    await other.tools.advance(300);
    assert.equal(await second, B);
    await assertClean(other, 1);
  });

  test('all silent: 504 at the deadline, named together, three beside one another at most', async () => {
    const one = bench([...THREE, '10.0.0.4', '10.0.0.5']);
    for (const { address } of one.pool.status().map(({ name }) => ({ address: name.split(':')[0]! })))
      one.servers.behaviour.set(address, 'silent');
    const errors: Error[] = [];
    one.pool.dial(new AbortController().signal, IN_CLEAR).catch((failure: Error) => errors.push(failure));
    await one.tools.advance(900);
    assert.equal(one.servers.inFlight, 3);
    await one.tools.advance(899);
    assert.equal(errors.length, 0);
    await one.tools.advance(1);
    assert.match(errors[0]?.message ?? '', /^10\.0\.0\.1:4222: silent for 900 ms.*; 10\.0\.0\.2/);
    assert.equal(one.servers.attempts.length, 5);
    await assertClean(one, 0);
  });

  test('all refuse: the outcome of the last, at once, and every next client tries all again', async () => {
    const one = bench(THREE);
    for (const address of THREE) one.servers.behaviour.set(address, 'upstream_refused');
    one.servers.behaviour.set(C, 'upstream_error');
    for (let round = 0; round < 5; round++) assert.equal(await placed(one), 'upstream_error');
    assert.equal(one.servers.attempts.length, 15);
    one.servers.behaviour.set(B, 'speaks');
    assert.equal(await placed(one), B);
    await assertClean(one, 1);
  });

  test('a client that leaves: nothing is left, nobody is marked', async () => {
    const one = bench(THREE);
    one.servers.behaviour.set(A, 'silent').set(B, 'silent');
    const leave = new AbortController();
    const dialled = placed(one, leave.signal);
    await one.tools.advance(400);
    leave.abort('left');
    assert.equal(await dialled, 'left');
    await turn();
    assert.equal(one.tools.timers, 0);
    await assertClean(one, 0);
    assert.ok(one.pool.status().every(({ state }) => state === 'untried'));
    assert.equal(await placed(one, AbortSignal.abort('gone')), 'gone');
  });

  test('a fault inside an attempt is passed on as it is', async () => {
    const one = bench([A, B]);
    one.servers.behaviour.set(A, 'fault');
    assert.equal(await placed(one), 'TypeError: a fault');
    await assertClean(one, 0);
  });
});

describe('lame ducks', () => {
  test('a server whose INFO says ldm gets the session only when nobody else speaks', async () => {
    const one = bench(THREE);
    one.servers.behaviour.set(A, 'lame');
    assert.equal(await placed(one), B);
    assert.equal(one.servers.sockets[0]?.destroyed, true);
    for (let round = 0; round < 10; round++) assert.equal(await placed(one), B);
    assert.equal(one.servers.attempts.filter((address) => address === A).length, 1);
    one.servers.behaviour.set(B, 'upstream_refused').set(C, 'upstream_refused');
    assert.equal(await placed(one), A, 'better than nothing');
    assert.deepEqual(
      one.pool.status().map(({ state, lameDucks }) => [state, lameDucks]),
      [
        ['lame_duck', 2],
        ['down', 0],
        ['down', 0],
      ],
    );
    assert.equal(one.servers.inFlight, 0);
  });

  test('one that tells a session: the next go elsewhere at once, and a thousand notices are one', async () => {
    const one = bench([A, B]);
    const { server } = await one.pool.dial(new AbortController().signal, IN_CLEAR);
    for (let session = 0; session < 1000; session++) one.pool.markLameDuck(server);
    one.pool.markLameDuck({ ...server, address: '10.0.0.9' });
    one.pool.markLameDuck({ ...server, name: 'gone:4222' });
    assert.equal(await placed(one), B);
    assert.deepEqual(
      one.pool.status().map(({ state, lameDucks }) => [state, lameDucks]),
      [
        ['lame_duck', 1],
        ['up', 0],
      ],
    );
    assert.match(one.pool.status()[0]?.lastError ?? '', /lame-duck/);
    assert.deepEqual(
      one.pool
        .status()
        .map(({ downSinceMs, lameDuckSinceMs }) => [typeof downSinceMs, typeof lameDuckSinceMs]),
      [
        ['undefined', 'number'],
        ['undefined', 'undefined'],
      ],
    );
    await one.tools.advance(30_000);
    assert.equal(await placed(one), A, 'asked again, it is none any more');
    assert.equal(one.pool.status()[0]?.lameDuckSinceMs, undefined);
    await assertClean(one, 3);
  });

  test('two lame ducks: the first that spoke, and one socket', async () => {
    const one = bench([A, B]);
    one.servers.behaviour.set(A, 'lame').set(B, 'lame');
    assert.equal(await placed(one), A);
    await assertClean(one, 1);
  });
});

describe('names', () => {
  test('each address is a server; lookups follow every 10 s; live sessions stay when an address goes', async () => {
    const one = bench(['nats']);
    one.tools.chance = 0.5;
    one.tools.answers.set('nats', [A, B]);
    one.pool.start();
    await turn();
    assert.equal(await placed(one), A);
    one.servers.behaviour.set(A, 'upstream_refused');
    assert.equal(await placed(one), B);
    one.tools.answers.set('nats', [C]);
    await one.tools.advance(9_999);
    assert.equal(one.tools.lookups.length, 1);
    await one.tools.advance(1);
    assert.equal(one.tools.lookups.length, 2);
    assert.equal(await placed(one), C);
    assert.deepEqual(
      one.pool.status().map(({ name, addresses, sessions, state }) => [name, addresses, sessions, state]),
      [['nats:4222', 1, 3, 'up']],
    );
    for (const socket of one.servers.sockets) socket.destroy();
    assert.equal(one.pool.status()[0]?.sessions, 0);
    one.pool.close();
    await assertClean(one, 0);
  });

  test('a pod that moved: when its old address fails, the name is looked up within the same dial', async () => {
    for (const behaviour of ['upstream_refused', 'silent'] as const) {
      const one = bench(['nats']);
      one.tools.answers.set('nats', [A]);
      one.pool.start();
      await one.tools.advance(2000);
      one.tools.answers.set('nats', [B]);
      one.servers.behaviour.set(A, behaviour);
      const dialled = placed(one);
      await one.tools.advance(behaviour === 'silent' ? 300 : 0);
      assert.equal(await dialled, B);
      one.pool.close();
      await turn();
      await assertClean(one, 1);
    }
  });

  test('before the first answer dials wait for it; one lookup serves all', async () => {
    const one = bench(['nats']);
    const dials = Promise.all([placed(one), placed(one), placed(one)]);
    await turn();
    assert.deepEqual(one.tools.lookups, ['nats']);
    await one.tools.advance(1800);
    assert.deepEqual(
      await dials,
      Array.from({ length: 3 }, () => 'upstream_timeout'),
    );
    assert.deepEqual(one.servers.connects, ['dns', 'dns', 'dns']);
    one.pool.close();
    await assertClean(one, 0);
  });

  test('a name that does not exist: refused at once, state down, again every second', async () => {
    const one = bench(['nats']);
    one.tools.answers.set('nats', Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    one.pool.start();
    await turn();
    assert.equal(await placed(one), 'upstream_refused');
    assert.equal(one.pool.status()[0]?.lastError, 'name lookup: ENOTFOUND');
    assert.equal(one.pool.status()[0]?.state, 'down');
    one.tools.answers.set('nats', [A]);
    await one.tools.advance(1100);
    assert.equal(await placed(one), A);
    assert.deepEqual(one.pool.status()[0]?.lookups, { ok: 1, failed: 1, late: 0 });
    one.pool.close();
    await assertClean(one, 1);
  });

  test('a lookup that hangs is the only one, and a client that leaves meanwhile leaves no timer', async () => {
    const one = bench(['nats']);
    one.pool.start();
    await one.tools.advance(60_000);
    assert.equal(await placed(one, AbortSignal.abort('gone')), 'gone');
    const leave = new AbortController();
    const dialled = placed(one, leave.signal);
    await turn();
    const timers = one.tools.timers;
    leave.abort('left');
    assert.equal(await dialled, 'left');
    assert.equal(one.tools.timers, timers - 1);
    assert.deepEqual(one.tools.lookups, ['nats']);
    assert.deepEqual(one.pool.status()[0]?.lookups, { ok: 0, failed: 0, late: 1 });
    one.pool.close();
    assert.equal(one.tools.timers, 0);
  });

  test('one address of several has failed: the name is looked up again, though the dial went well', async () => {
    const one = bench(['nats']);
    one.tools.answers.set('nats', [A, B]);
    one.pool.start();
    await one.tools.advance(2000);
    one.servers.behaviour.set(A, 'upstream_refused');
    assert.equal(await placed(one), B);
    assert.equal(one.tools.lookups.length, 2);
    one.pool.close();
    await assertClean(one, 1);
  });

  test('one name hangs, the other one answers: nobody waits for the first', async () => {
    const one = bench(['hangs', 'nats']);
    one.tools.answers.set('nats', [A]);
    one.pool.start();
    assert.equal(await placed(one), A);
    assert.equal(one.tools.nowMs(), 0);
    one.pool.close();
    await assertClean(one, 1);
  });

  test('while lookups fail the last answer is kept, for one hour', async () => {
    const one = bench(['nats']);
    one.tools.chance = 0.5;
    one.tools.answers.set('nats', [A]);
    one.pool.start();
    await turn();
    one.tools.answers.set('nats', new Error('the resolver is dead'));
    await one.tools.advance(3_600_000);
    assert.equal(await placed(one), A);
    await one.tools.advance(10_000);
    assert.equal(await placed(one), 'upstream_refused');
    assert.equal(
      one.lines.filter(({ message }) => message.includes('its last addresses are kept')).length,
      1,
    );
    one.pool.close();
    await assertClean(one, 1);
  });
});

describe('health', () => {
  const health = { urls: ['http://{host}/healthz'], intervalMs: 5000 };

  test('with descriptors for one check at a time every server is asked all the same', async () => {
    const one = bench(THREE, { health }, new Places(1));
    one.pool.start();
    await one.tools.advance(1);
    assert.deepEqual(
      THREE.map((address) => one.probes.get(address)?.asked),
      [1, 1, 1],
    );
    one.probes.get(A)!.answer = undefined;
    await one.tools.advance(5500);
    await one.tools.advance(5500);
    assert.deepEqual(
      THREE.map((address) => one.probes.get(address)?.asked),
      [2, 1, 1],
      'the rest waits while one check hangs',
    );
    one.probes.get(A)!.close();
    await turn();
    assert.deepEqual(
      THREE.map((address) => one.probes.get(address)?.asked),
      [2, 2, 2],
    );
    one.pool.close();
    await assertClean(one, 0);
  });

  test('an unhealthy server gets sessions only for want of another; good again, it is used at once', async () => {
    const one = bench([A, B], { health });
    one.tools.chance = 0.5;
    one.pool.start();
    await turn();
    one.probes.get(A)!.answer = { outcome: 'unhealthy', cause: 'health 503' };
    assert.equal(await placed(one), A);
    await one.tools.advance(5000);
    assert.equal(await placed(one), B);
    one.servers.behaviour.set(B, 'upstream_refused');
    assert.equal(await placed(one), A);
    one.probes.get(A)!.answer = { outcome: 'ok', cause: undefined };
    one.servers.behaviour.set(B, 'speaks');
    await one.tools.advance(5000);
    assert.deepEqual(one.pool.status()[0]?.healthChecks, { ok: 2, unhealthy: 1, unreachable: 0, timeout: 0 });
    assert.equal(await placed(one), A);
    one.pool.close();
    await assertClean(one, 4);
  });

  test('a check that hangs is not asked a second time; close closes the probes', async () => {
    const one = bench([A], { health });
    one.pool.start();
    await turn();
    one.probes.get(A)!.answer = undefined;
    await one.tools.advance(60_000);
    assert.equal(one.probes.get(A)?.asked, 2);
    one.pool.close();
    assert.equal(one.probes.get(A)?.closed, true);
    await assertClean(one, 0);
  });
});

describe('readiness', () => {
  const steps = (moves: readonly [atMs: number, succeeded: boolean | undefined, ready: boolean][]): void => {
    const readiness = new Readiness(0);
    for (const [atMs, succeeded, ready] of moves) {
      if (succeeded !== undefined) readiness.dialled(succeeded, atMs);
      assert.equal(readiness.ready(atMs), ready, `at ${atMs} ms`);
    }
  };
  test('hysteresis', () => {
    steps([
      [0, undefined, false],
      [1000, false, false],
      [9000, true, true],
      [9100, false, true],
      [14_099, undefined, true],
      [14_100, undefined, false],
      [15_000, true, false],
      [16_000, false, false],
      [17_000, true, false],
      [18_999, true, false],
      [19_000, undefined, true],
    ]);
    // One success in between, and the five seconds begin anew.
    steps([
      [0, true, true],
      [1000, false, true],
      [5999, true, true],
      [6000, false, true],
      [10_999, undefined, true],
      [11_000, undefined, false],
    ]);
    // What held long enough counts even if nobody asked meanwhile.
    steps([
      [0, true, true],
      [1000, false, true],
      [6001, true, false],
      [8001, undefined, true],
    ]);
  });

  test('process: always ready, and no dial of our own', async () => {
    const one = bench([A]);
    one.servers.behaviour.set(A, 'upstream_refused');
    one.pool.start();
    await placed(one);
    await one.tools.advance(60_000);
    assert.equal(one.pool.ready, true);
    assert.equal(one.servers.attempts.length, 1);
    one.pool.close();
    await assertClean(one, 0);
  });

  test('upstream: the gateway dials by itself, and its dials leave nothing behind', async () => {
    const one = bench([A], { readiness: 'upstream' });
    one.servers.behaviour.set(A, 'upstream_refused');
    assert.equal(one.pool.ready, false);
    one.pool.start();
    await one.tools.advance(10_000);
    assert.equal(one.pool.ready, false);
    assert.ok(one.servers.attempts.length >= 10);
    one.servers.behaviour.set(A, 'speaks');
    await one.tools.advance(1000);
    assert.equal(one.pool.ready, true);
    const before = one.servers.attempts.length;
    await one.tools.advance(60_000);
    assert.equal(one.servers.attempts.length - before, 12);
    one.servers.behaviour.set(A, 'upstream_refused');
    await one.tools.advance(12_000);
    assert.equal(one.pool.ready, false);
    assert.deepEqual(
      one.lines.filter(({ message }) => message.includes('ready')).map(({ message }) => message),
      [
        'no upstream answers; not ready (upstream.readiness)',
        'an upstream answers; ready again',
        'no upstream answers; not ready (upstream.readiness)',
      ],
    );
    one.pool.close();
    await turn();
    await assertClean(one, 0);
  });

  test('upstream: closed in the middle of a dial of its own', async () => {
    const one = bench([A], { readiness: 'upstream' });
    one.servers.behaviour.set(A, 'silent');
    one.pool.start();
    await one.tools.advance(100);
    assert.equal(one.servers.inFlight, 1);
    one.pool.close();
    await turn();
    await assertClean(one, 0);
  });
});

describe('the log', () => {
  test('one line for a change of state, one a second at most, and the state that lasts is told', async () => {
    const one = bench([A]);
    await placed(one);
    assert.equal(one.lines.length, 0, 'the first success is how it should be');
    one.servers.behaviour.set(A, 'upstream_refused');
    for (let round = 0; round < 20; round++) {
      await placed(one);
      one.servers.behaviour.set(A, round % 2 === 0 ? 'speaks' : 'upstream_refused');
    }
    assert.equal(one.lines.length, 1);
    assert.deepEqual(
      [one.lines[0]?.level, one.lines[0]?.message, one.lines[0]?.fields],
      [
        'warn',
        'upstream server changed',
        {
          server: '10.0.0.1:4222',
          state: 'down',
          was: 'up',
          sessions: 1,
          error: '10.0.0.1:4222: upstream_refused',
        },
      ],
    );
    one.servers.behaviour.set(A, 'speaks');
    await placed(one);
    await one.tools.advance(1000);
    assert.deepEqual(
      one.lines.map(({ level, fields }) => [level, fields['state']]),
      [
        ['warn', 'down'],
        ['info', 'up'],
      ],
    );
    assert.equal(one.tools.timers, 0);
  });
});

test('closed while a line waits for its second to be over: it is not written', async () => {
  const one = bench([A]);
  one.servers.behaviour.set(A, 'upstream_refused');
  await placed(one);
  one.servers.behaviour.set(A, 'speaks');
  await placed(one);
  assert.equal(one.tools.timers, 1);
  one.pool.close();
  assert.equal(one.tools.timers, 0);
  await placed(one);
  assert.equal(one.tools.timers, 0);
});

test('a server that is written twice counts once', () => {
  assert.equal(bench([A, A, B]).pool.status().length, 2);
});

describe('a pool that another one replaces', () => {
  test('asks for nothing any more, lets its last dial end, then closes', async () => {
    const one = bench([A, B], {
      readiness: 'upstream',
      health: { urls: ['http://{host}:8222/healthz'], intervalMs: 1000 },
    });
    one.pool.start();
    await turn();
    one.servers.behaviour.set(A, { after: 200 });
    const dialled = placed(one);
    one.pool.retire();
    const asked = [...one.probes.values()].map((probe) => probe.asked);
    const attempts = one.servers.attempts.length;
    assert.ok([...one.probes.values()].every(({ closed }) => !closed));
    await one.tools.advance(200);
    assert.equal(await dialled, A);
    await one.tools.advance(60_000);
    assert.ok([...one.probes.values()].every(({ closed }) => closed));
    assert.deepEqual(
      [...one.probes.values()].map((probe) => probe.asked),
      asked,
    );
    assert.equal(one.servers.attempts.length, attempts);
    await assertClean(one, 1);
  });

  test('without a dial it closes at once', async () => {
    const one = bench([A], { health: { urls: ['http://{host}:8222/healthz'], intervalMs: 1000 } });
    one.pool.start();
    await turn();
    one.pool.retire();
    assert.ok([...one.probes.values()].every(({ closed }) => closed));
    await assertClean(one, 0);
  });
});

describe('one dial of each server', () => {
  test('all are tried once, whatever became of the others; with one place, one after the other', async () => {
    for (const places of [1000, 1]) {
      const one = bench(THREE, {}, new Places(places));
      one.servers.behaviour.set(A, 'upstream_refused').set(B, 'silent');
      const dialled = one.pool.dialEach();
      await one.tools.advance(1800);
      const answers = await dialled;
      assert.deepEqual(
        answers.map(({ server, error }) => [server.host, (error as { outcome?: string })?.outcome]),
        [
          [A, 'upstream_refused'],
          [B, 'upstream_timeout'],
          [C, undefined],
        ],
      );
      assert.deepEqual(one.servers.attempts.toSorted(), [A, B, C]);
      assert.deepEqual(
        one.pool.status().map(({ state }) => state),
        ['down', 'down', 'up'],
      );
      await assertClean(one, 0);
    }
  });

  test('a pool that closes meanwhile tells nothing, and nothing is left', async () => {
    const one = bench(THREE);
    one.servers.behaviour.set(A, 'silent');
    const dialled = one.pool.dialEach();
    await turn();
    one.pool.close();
    assert.deepEqual(await dialled, []);
    assert.equal(one.servers.inFlight, 0);
  });
});
