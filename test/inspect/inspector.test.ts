import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { READ_BYTES } from '../../src/bytes/buffer-pool.ts';
import type { InspectionLevel } from '../../src/inspect/inspection-facts.ts';
import type { InspectionRules } from '../../src/inspect/inspector.ts';
import { ShownSubjects } from '../../src/nats/shown-subjects.ts';
import { CONNECT, INFO, Inspected } from './inspected.ts';

const LEVELS = ['observe', 'enforce'] as const;
const LDM = /INFO \{[^\r\n]*"ldm":true[^\r\n]*\} ?\r\n/;
const WORDS = "-ERR 'Stale Connection'\r\n";
const INFO_LIKE = 'INFO {"connect_urls":["10.0.0.1:4222"],"ldm":true} \r\n';

const sortedCuts = (length: number, cuts: readonly number[]): number[] =>
  cuts.map((cut) => cut % (length + 1)).sort((one, other) => one - other);
const cuts = fc.oneof(
  fc.array(fc.nat({ max: 3000 }), { maxLength: 30 }),
  // Every byte for itself.
  fc.constant(Array.from({ length: 3000 }, (_, at) => at)),
);
const payload = fc
  .array(
    fc.oneof(
      fc.constantFrom(INFO_LIKE, WORDS, '\r\n', 'MSG a 1 2\r\nhi\r\n', 'PING\r\n', '\n', '\r'),
      fc.string(),
    ),
    {
      maxLength: 4,
    },
  )
  .map((parts) => Buffer.from(parts.join('')).toString('latin1'));
const block = payload.map((text) => `NATS/1.0\r\nA: ${text}\r\n\r\n`);
/** As an enforcer lets it pass: one line, whatever is in it. */
const lineBlock = payload.map((text) => `NATS/1.0\r\nA: ${text.replaceAll(/[\r\n]/g, '')}\r\n\r\n`);
const subject = fc.constantFrom('a', 'a.b', '\xc3\xa9', 'INFO');

const clientOperation = fc.oneof(
  fc.constantFrom('PING\r\n', 'PONG\r\n', 'SUB a.* 1\r\n', 'sub\ta  workers x\r\n', 'UNSUB 1 5\r\n'),
  fc.tuple(subject, payload).map(([to, text]) => `PUB ${to} ${text.length}\r\n${text}\r\n`),
  fc
    .tuple(subject, lineBlock, payload)
    .map(
      ([to, head, text]) =>
        `HPUB ${to} r.1 ${head.length} ${head.length + text.length}\r\n${head}${text}\r\n`,
    ),
);
const serverOperation = fc.oneof(
  fc.constantFrom(
    'PING\r\n',
    'PONG\r\n',
    '+OK\r\n',
    '-ERR \'Permissions Violation for Publish to "a"\'\r\n',
    INFO,
  ),
  fc.tuple(subject, payload).map(([to, text]) => `MSG ${to}\r 1 00${text.length}\r\n${text}\r\n`),
  fc
    .tuple(subject, block, payload)
    .map(
      ([to, head, text]) =>
        `HMSG ${to} 1 r ${head.length} ${head.length + text.length}\r\n${head}${text}\r\n`,
    ),
);

for (const level of LEVELS) {
  describe(level, () => {
    test('to the server: what came, however it was cut; counts and subscriptions do not depend on it', () => {
      const property = fc.property(fc.array(clientOperation, { maxLength: 12 }), cuts, (list, at) => {
        const text = list.join('');
        const bytes = Buffer.from(text, 'latin1');
        const whole = Inspected.connected(level).toUpstream(bytes);
        const split = Inspected.connected(level).toUpstream(bytes, sortedCuts(bytes.length, at));
        assert.equal(split.up, text);
        assert.equal(whole.up, text);
        assert.deepEqual(split.inspector.facts(), whole.inspector.facts());
        const { operations } = split.inspector.facts();
        const sum = Object.values(operations.toUpstream).reduce((one, other) => one + other, 0);
        assert.equal(sum, list.length + 1);
      });
      fc.assert(property, { numRuns: 600 });
    });

    test('to the client: what came, INFO-like bytes in payloads and headers included', (t) => {
      t.mock.timers.enable({ apis: ['Date'] });
      const property = fc.property(fc.array(serverOperation, { maxLength: 12 }), cuts, (list, at) => {
        const text = list.join('');
        const bytes = Buffer.from(text, 'latin1');
        const split = Inspected.connected(level).toClient(Buffer.from(bytes), sortedCuts(bytes.length, at));
        assert.equal(split.down, text);
        const whole = Inspected.connected(level).toClient(bytes);
        assert.deepEqual(split.inspector.facts(), whole.inspector.facts());
        assert.equal(split.lameDucks, 0);
      });
      fc.assert(property, { numRuns: 600 });
    });

    test('a line of ours stands between two operations, wherever it is put in', () => {
      const property = fc.property(
        fc.array(serverOperation, { minLength: 1, maxLength: 8 }),
        cuts,
        fc.nat(3000),
        fc.boolean(),
        (list, at, when, twice) => {
          const bytes = Buffer.from(list.join(''), 'latin1');
          const inspected = Inspected.connected(level);
          // In front of the server's first PONG none may stand, wherever the operations end.
          inspected.toClient(Buffer.from('PONG\r\n'));
          const greeted = inspected.down.length;
          const place = when % (bytes.length + 1);
          const offsets = sortedCuts(bytes.length, at);
          inspected.toClient(
            Buffer.from(bytes.subarray(0, place)),
            offsets.filter((one) => one < place),
          );
          const lame = inspected.inspector.lameDuckInfo()!;
          assert.match(lame.toString(), LDM);
          inspected.inspector.insert(lame);
          if (twice) inspected.inspector.insert(Buffer.from(WORDS));
          inspected.toClient(
            Buffer.from(bytes.subarray(place)),
            offsets.filter((one) => one > place).map((one) => one - place),
          );
          assert.ok(!inspected.inspector.isWaiting);
          const ours = lame.toString() + (twice ? WORDS : '');
          const found = inspected.down.slice(greeted);
          const ends = list.map((_, index) => list.slice(0, index + 1).join(''));
          assert.ok(
            ['', ...ends].some((front) => found === front + ours + list.join('').slice(front.length)),
            JSON.stringify(found),
          );
        },
      );
      fc.assert(property, { numRuns: 600 });
    });

    test('of an endless line nothing is kept above the limit', () => {
      const inspected = Inspected.connected(level);
      const piece = Buffer.from('x'.repeat(100));
      inspected.toUpstream(Buffer.from('SUB '));
      for (let times = 0; times < 100; times++) {
        inspected.toUpstream(piece);
        assert.ok(inspected.inspector.up.heldBytes <= 4096 + 64);
      }
      assert.equal(inspected.stops[0]?.[1].problem, 'line_too_long');
    });

    test('round trips are measured from PING to PONG, wherever they are cut', () => {
      for (const at of [[], [1], [3], [4], [5]]) {
        const inspected = Inspected.connected(level);
        inspected.toUpstream(Buffer.from('PING\r\n'), at).toClient(Buffer.from('PONG\r\nPONG\r\n'), at);
        assert.equal(inspected.roundTrips.length, 1);
        assert.ok(inspected.roundTrips[0]! >= 0);
      }
    });

    test('a round trip is in seconds, and begins at the first PING without an answer', () => {
      const inspected = Inspected.connected(level);
      const until = (ms: number): void => {
        while (performance.now() < ms);
      };
      const startMs = performance.now();
      inspected.toUpstream(Buffer.from('PING\r\n'));
      const sentMs = performance.now();
      until(sentMs + 3);
      inspected.toUpstream(Buffer.from('PING\r\n'));
      inspected.toClient(Buffer.from('PONG\r\n'));
      const [seconds = 0] = inspected.roundTrips;
      assert.ok(seconds >= 0.003 && seconds <= (performance.now() - startMs) / 1000, `${seconds} s`);
      // The next one begins anew.
      const nextMs = performance.now();
      inspected.toUpstream(Buffer.from('PING\r\n')).toClient(Buffer.from('PONG\r\n'));
      assert.ok(inspected.roundTrips[1]! <= (performance.now() - nextMs) / 1000);
    });

    test('N20: zeros in front, CR and LF in a subject, an INFO line inside a payload', () => {
      for (const text of [
        'MSG ob.a 1 0002\r\nhi\r\n',
        'MSG ob\r.a 1 2\r\nhi\r\n',
        'MSG \nob.a 1 2\r\nhi\r\n',
        'HMSG pre.\nob.a 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n',
        `MSG a 1 ${INFO_LIKE.length}\r\n${INFO_LIKE}\r\n`,
      ]) {
        const bytes = Buffer.from(text, 'latin1');
        for (let at = 0; at < bytes.length; at++) {
          const inspected = Inspected.connected(level).toClient(Buffer.from(bytes), [at]);
          assert.equal(inspected.down, text);
          assert.equal(inspected.stops.length, 0);
        }
      }
    });
  });
}

describe('what cannot be read', () => {
  const http = 'HTTP/1.1 400 Bad Request\r\n\r\n';
  const run = (level: InspectionLevel) =>
    Inspected.connected(level).toClient(Buffer.from(`PING\r\n${http}${http}`), [8, 20, 30]);

  test('observe: the direction is given up, once, and its bytes go on; the other is read on', () => {
    const inspected = run('observe');
    assert.equal(inspected.down, `PING\r\n${http}${http}`);
    assert.equal(inspected.stops.length, 1);
    assert.equal(inspected.stops[0]?.[0], 'to_client');
    inspected.toUpstream(Buffer.from('SUB a 1\r\n'));
    assert.equal(inspected.inspector.subscriptions.alive, 1);
    inspected.inspector.insert(Buffer.from(WORDS));
    assert.equal(inspected.down, `PING\r\n${http}${http}`);
    assert.ok(!inspected.inspector.isWaiting);
  });

  test('observe: a line of ours that waits is given up with it', () => {
    const inspected = Inspected.connected('observe').toClient(Buffer.from('MSG a 1 2\r\nh'));
    inspected.inspector.insert(Buffer.from(WORDS));
    assert.ok(inspected.inspector.isWaiting);
    inspected.toClient(Buffer.from('iXX'));
    assert.ok(!inspected.inspector.isWaiting);
    assert.equal(inspected.down, 'MSG a 1 2\r\nhiXX');
  });

  test('enforce: nothing of it passes, and the client is told what it returns after: the fault is not its own', () => {
    const inspected = run('enforce');
    assert.equal(inspected.down, 'PING\r\n');
    assert.equal(inspected.finalError, WORDS);
    inspected.inspector.insertLast(Buffer.from(WORDS));
    assert.equal(inspected.down, `PING\r\n${WORDS}`);
  });
});

describe('INFO', () => {
  const CLUSTERED =
    'INFO {"server_id":"S","host":"10.0.0.1","port":4222,"max_payload":65536,"connect_urls":["10.0.0.1:4222"]} \r\n';
  const ASYNC = CLUSTERED.replace('4222"]', '4222","10.0.0.2:4222"]');

  test('enforce rewrites every one of them, however it was cut, and nothing else', () => {
    const text = `PONG\r\n${ASYNC}MSG a 1 ${ASYNC.length}\r\n${ASYNC}\r\n${ASYNC}PING\r\n`;
    const bytes = Buffer.from(text);
    const read = (offsets: readonly number[]): string => {
      const inspected = new Inspected('enforce', { connectUrls: 'drop', hide: [] });
      assert.ok(!inspected.inspector.firstInfo(Buffer.from(CLUSTERED)).includes('connect_urls'));
      return inspected.toClient(Buffer.from(bytes), offsets).down;
    };
    const whole = read([]);
    assert.equal(whole.split('connect_urls').length, 2, 'the one in the payload is left');
    assert.ok(whole.includes(`MSG a 1 ${ASYNC.length}\r\n${ASYNC}\r\n`));
    for (let at = 1; at < bytes.length; at++) assert.equal(read([at]), whole, `cut at ${at}`);
    assert.equal(read(Array.from(bytes, (_, at) => at)), whole);
  });

  test('observe leaves it alone, and lame duck is told once', () => {
    const inspected = new Inspected('observe', { connectUrls: 'drop', hide: ['host'] });
    assert.equal(inspected.inspector.firstInfo(Buffer.from(CLUSTERED)).toString(), CLUSTERED);
    const lame = INFO.replace('{', '{"ldm":true,');
    inspected.toClient(Buffer.from(lame + lame));
    assert.equal(inspected.lameDucks, 1);
    assert.equal(inspected.down, lame + lame);
  });

  test('max_payload is for the server to judge: a reload may have raised it without an INFO', () => {
    for (const level of ['observe', 'enforce'] as const) {
      const inspected = Inspected.connected(level);
      inspected.toClient(Buffer.from(INFO.replace('65536', '5')));
      const text = `PUB a 6\r\nabcdef\r\nPUB a 70000\r\n${'x'.repeat(50_000)}`;
      inspected.toUpstream(Buffer.from(text));
      assert.equal(inspected.up, text);
      assert.deepEqual(inspected.stops, []);
    }
  });
});

describe('CONNECT', () => {
  const enforced = (text: string, offsets: readonly number[] = []) =>
    new Inspected('enforce').toUpstream(Buffer.from(text), offsets);

  test('goes on in canonical form with what follows it, however it was cut', () => {
    const text = 'connect\t{"U\\u0073ER": "a", "pass":"b"}\nSUB a 1\r\nPUB a 2\r\nhi\r\n';
    const bad = enforced(text);
    const whole = enforced(text.replace('\n', '\r\n'));
    assert.equal(whole.up, bad.up);
    assert.match(whole.up, /^CONNECT \{"user":"a","pass":"b"\}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\n$/);
    for (let at = 1; at < text.length; at++) assert.equal(enforced(text, [at]).up, whole.up);
    assert.equal(
      enforced(
        text,
        Array.from(text, (_, at) => at),
      ).up,
      whole.up,
    );
  });

  test('is refused when it may be read in two ways, and twice; no word of it is told', () => {
    for (const text of [
      'CONNECT {"user":"secret","USER":"b"}\r\n',
      'CONNECT [1,"secret"]\r\n',
      'CONNECT null\r\n',
      'CONNECT {} secret\r\n',
    ]) {
      const inspected = enforced(text);
      assert.equal(inspected.up, '');
      assert.equal(inspected.finalError, "-ERR 'Unknown Protocol Operation'\r\n");
      assert.doesNotMatch(inspected.stops[0]?.[1].found ?? '', /secret/);
    }
    const twice = enforced(`${CONNECT}${CONNECT}`);
    assert.equal(twice.up, CONNECT);
    assert.equal(twice.inspector.endReason, 'nats_violation');
  });

  test('observe reads the first only: each that came after it cost up to 2 ms more', () => {
    const first = 'CONNECT {"protocol":1,"name":"first"}\r\n';
    const others = `CONNECT {"protocol":0,"name":"other"}\r\n`.repeat(3);
    const inspected = new Inspected('observe').toUpstream(Buffer.from(first + others));
    assert.equal(inspected.up, first + others);
    const { connect, operations } = inspected.inspector.facts();
    assert.deepEqual([connect?.name, connect?.protocol], ['first', 1]);
    assert.equal(operations.toUpstream['CONNECT'], 4);
  });

  test('observe sends it as it came, and shows no secret of it', () => {
    const text = 'CONNECT {"user":"a","pass":"secret","name":"app"}\r\n';
    const inspected = new Inspected('observe').toUpstream(Buffer.from(text));
    assert.equal(inspected.up, text);
    assert.doesNotMatch(JSON.stringify(inspected.inspector.facts()), /secret/);
  });
});

describe('messages are read in whole runs', () => {
  const runsOf = ({ pool }: Inspected): number => pool.bytes.readInt32LE(pool.scratch);
  const forget = ({ pool }: Inspected): void => void pool.bytes.writeInt32LE(-7, pool.scratch);
  const pubs = Buffer.from('PUB a.b 2\r\nhi\r\n'.repeat(20));
  const msgs = Buffer.from('MSG a.b 1 2\r\nhi\r\n'.repeat(20));

  for (const level of ['observe', 'enforce'] as const)
    test(`${level}: both ways`, () => {
      const inspected = Inspected.connected(level);
      forget(inspected);
      inspected.toUpstream(pubs);
      assert.equal(runsOf(inspected), 20);
      forget(inspected);
      inspected.toClient(msgs);
      assert.equal(runsOf(inspected), 20);
      assert.equal(inspected.up, pubs.toString());
      assert.equal(inspected.down, msgs.toString());
      const { operations, payloadBytes } = inspected.inspector.facts();
      assert.equal(operations.toUpstream['PUB'], 20);
      assert.equal(operations.toClient['MSG'], 20);
      assert.deepEqual(payloadBytes, { toUpstream: 40, toClient: 40 });
    });

  test('also where a read lies elsewhere, as of an upstream with TLS', () => {
    for (const level of LEVELS) {
      const inspected = Inspected.connected(level);
      forget(inspected);
      inspected.inspector.toClient(Buffer.from(msgs));
      assert.equal(runsOf(inspected), 20);
      assert.equal(inspected.down, msgs.toString());
      assert.equal(inspected.pool.free, 3);
      // Others hold all slots but the last: read message by message.
      const slots = [inspected.pool.take(), inspected.pool.take()];
      forget(inspected);
      inspected.inspector.toClient(Buffer.from(msgs));
      assert.equal(runsOf(inspected), -7);
      assert.equal(inspected.inspector.facts().operations.toClient['MSG'], 40);
      for (const slot of slots) inspected.pool.untake(slot);
    }
  });

  test('enforce: not in front of CONNECT, nor directly behind it', () => {
    const early = new Inspected('enforce');
    early.inspector.firstInfo(Buffer.from(INFO));
    forget(early);
    early.toUpstream(pubs);
    assert.equal(runsOf(early), -7);
    assert.equal(early.up, '');
    assert.equal(early.stops[0]?.[1].expected, 'CONNECT as the first operation');
    const bad = new Inspected('enforce');
    bad.inspector.firstInfo(Buffer.from(INFO));
    bad.toUpstream(Buffer.from(`${CONNECT}${pubs}PUB a\0 0\r\n\r\n`));
    assert.equal(bad.stops[0]?.[1].expected, 'names without control bytes');
    assert.ok(bad.up.endsWith(pubs.toString()));
  });

  test('enforce: what may not pass in the middle of a run does not, and what came before it does', () => {
    const inspected = Inspected.connected('enforce');
    inspected.toUpstream(Buffer.from(`${pubs}PUB a\0 2\r\nno\r\n${pubs}`));
    assert.equal(inspected.up, pubs.toString());
    assert.equal(inspected.stops[0]?.[1].expected, 'names without control bytes');
    assert.equal(inspected.inspector.endReason, 'nats_violation');
  });
});

test('of a CONNECT neither credentials nor unknown fields are kept, and the hint is', () => {
  const claims = Buffer.from('{"nats":{"allowed_connection_types":["WEBSOCKET"]}}').toString('base64url');
  const unknown = Array.from({ length: 200 }, (_, index) => `"k${index}":1`).join(',');
  const text = `CONNECT {"jwt":"h.${claims}.s","pass":"secret","protocol":1,${unknown}}\r\n`;
  const inspected = new Inspected('enforce').toUpstream(Buffer.from(text));
  const { inspector } = inspected;
  assert.deepEqual(inspector.facts().connect?.credentials, ['pass', 'jwt']);
  assert.equal(inspector.facts().connect?.unknownFields, 200);
  inspected.toClient(Buffer.from("-ERR 'Authorization Violation'\r\n"));
  assert.match(inspector.hint ?? '', /STANDARD/);
});

describe('what is written to a client at once', () => {
  const rules = (connectUrls: InspectionRules['info']['connectUrls']) =>
    ({ connectUrls, hide: [], clientIp: '192.0.2.1' }) as const;
  /** The pieces of one read, copied in the moment of the write. */
  const writesOf = (inspected: Inspected, bytes: string): readonly Buffer[] => {
    const before = inspected.writes.length;
    inspected.inspector.toClient(Buffer.from(bytes));
    return inspected.writes.slice(before);
  };
  const greeted = (connectUrls: InspectionRules['info']['connectUrls'] = 'keep'): Inspected => {
    const inspected = new Inspected('enforce', rules(connectUrls));
    inspected.inspector.firstInfo(Buffer.from(INFO));
    return inspected;
  };

  test('hundreds of INFO lines that became longer leave in two writes, every byte in order', () => {
    const line = (index: number): string => `INFO {"n":${index},"a":"${'x'.repeat(60)}"}\r\n`;
    const count = 700;
    const bytes = Array.from({ length: count }, (_, index) => `PING\r\n${line(index)}`).join('');
    const expected = bytes
      .replaceAll('"} \r\n', '"}\r\n')
      .replaceAll('"}\r\n', '","client_ip":"192.0.2.1"} \r\n');
    const inspected = greeted();
    const writes = writesOf(inspected, bytes);
    assert.equal(Buffer.concat(writes).toString(), expected);
    assert.equal(writes.length, 2);
    assert.ok(writes.every((one) => one.length <= READ_BYTES));
    assert.equal(inspected.pool.free, 3);
  });

  test('an INFO that grows beyond a slot of the pool leaves in pieces, and in no slot of another session', () => {
    const urls = Array.from({ length: 400 }, (_, index) => `gateway-${index}.example.com:443`);
    const inspected = greeted(urls);
    // What another session waits with, in the slot behind the one that is written from.
    const slots = [inspected.pool.take(), inspected.pool.take()].sort((left, right) => left - right);
    const [first, second] = slots as [number, number];
    inspected.pool.bytes.fill(0x77, second, second + inspected.pool.slotBytes);
    const theirs = inspected.pool.lend(second, second + inspected.pool.slotBytes);
    inspected.pool.untake(first);
    const line = `INFO {"a":"${'x'.repeat(65_000)}"}\r\n`;
    const writes = writesOf(inspected, line);
    assert.ok(writes.every((one) => one.length <= READ_BYTES));
    assert.deepEqual(JSON.parse(Buffer.concat(writes).toString().slice(5)).connect_urls, urls);
    assert.ok(theirs.every((byte) => byte === 0x77));
    inspected.pool.release(theirs);
    assert.equal(inspected.pool.free, 3);
    const whole = new Inspected('enforce', rules(urls)).inspector.firstInfo(Buffer.from(line));
    assert.deepEqual(JSON.parse(whole.toString().slice(5)).connect_urls, urls, 'the first message, too');
  });

  test('a server whose INFO lines would become many times as long is refused', () => {
    const inspected = greeted();
    writesOf(inspected, 'INFO {}\r\n'.repeat(2000));
    assert.equal(inspected.inspector.endReason, undefined);
    writesOf(inspected, 'INFO {}\r\n'.repeat(2000));
    assert.equal(inspected.inspector.endReason, undefined, 'each read is judged by itself');
    writesOf(inspected, 'INFO {}\r\n'.repeat(7000));
    assert.equal(inspected.finalError, WORDS);
    assert.equal(inspected.inspector.down.error?.expected, 'fewer INFO lines at once');
  });
});

test('observe: a line that comes up while a chunk is written does not land inside what was just written', () => {
  const inspected = Inspected.connected('observe').toClient(Buffer.from('PONG\r\n'));
  inspected.onWrite = () => {
    inspected.onWrite = undefined;
    inspected.inspector.insert(Buffer.from("-ERR 'x'\r\n"));
  };
  inspected.toClient(Buffer.from('MSG a 1 5\r\nhe')).toClient(Buffer.from('llo\r\nPING\r\n'));
  assert.equal(inspected.down, "PONG\r\nMSG a 1 5\r\nhello\r\n-ERR 'x'\r\nPING\r\n");
});

test('who looks into a session gets no inbox in full, neither of a subscription nor of an -ERR', () => {
  const inspected = Inspected.connected('observe');
  inspected.toUpstream(Buffer.from('SUB _INBOX.BLRZz9XB5GT1nhzFdyzEuA.* 1\r\n'));
  inspected.toClient(
    Buffer.from(`-ERR 'Permissions Violation for Publish to "_INBOX.BLRZz9XB5GT1nhzFdyzEuA.x"'\r\n`),
  );
  const { lastError, subscriptions } = inspected.inspector.facts();
  assert.equal(subscriptions[0]?.subject, '_INBOX.zFdyzEuA.*');
  assert.equal(lastError?.text, 'Permissions Violation for Publish to "_INBOX.zFdyzEuA.x"');
});

test('hashed: a subject is the same in a subscription and in an -ERR, also outside ASCII', () => {
  const inspected = Inspected.connected('observe');
  inspected.toUpstream(Buffer.from('SUB orders.eu.müller 1\r\n'));
  inspected.toClient(Buffer.from(`-ERR 'Permissions Violation for Subscription to "orders.eu.müller"'\r\n`));
  const { lastError, subscriptions } = inspected.inspector.facts(new ShownSubjects(true));
  const [{ subject } = { subject: '' }] = subscriptions;
  assert.match(subject, /^orders\.eu\.[0-9a-f]{6}$/);
  assert.equal(lastError?.text, `Permissions Violation for Subscription to "${subject}"`);
});
