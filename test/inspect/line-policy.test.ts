import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Inspected } from './inspected.ts';
import { VECTORS } from './line-vectors.ts';

for (const [name, rows] of Object.entries(VECTORS)) {
  describe(name, () => {
    for (const [text, observe, enforce] of rows) {
      const title = text.length > 50 ? `${text.slice(0, 20)}… (${text.length} bytes)` : text;
      const bytes = Buffer.from(text, 'latin1');
      const pieces = Array.from({ length: Math.floor(bytes.length / 60_000) }, (_, at) => 60_000 * (at + 1));
      const cuts = [
        pieces,
        ...(bytes.length <= 40 ? everywhere(bytes.length) : [[1, 9, 17].filter((at) => at < bytes.length)]),
      ];

      test(`observe: ${observe} for ${JSON.stringify(title)}, and every byte goes on`, () => {
        for (const offsets of cuts.filter((one) => bytes.length < 60_000 || one === pieces)) {
          const inspected = Inspected.connected('observe').toUpstream(bytes, offsets);
          assert.equal(inspected.stops.length, observe === 'ok' ? 0 : 1);
          assert.equal(inspected.inspector.endReason, undefined);
          assert.equal(inspected.up, text);
        }
      });

      test(`enforce: ${enforce} for ${JSON.stringify(title)}`, () => {
        for (const offsets of cuts.filter((one) => bytes.length < 60_000 || one === pieces)) {
          const inspected = Inspected.connected('enforce').toUpstream(bytes, offsets);
          const { endReason } = inspected.inspector;
          assert.equal(endReason === undefined, enforce !== 'refuse', `cut at ${offsets}: ${endReason}`);
          assert.equal(inspected.stops.length, enforce === 'refuse' ? 1 : 0);
          if (enforce === 'pass') assert.equal(inspected.up, text);
          else assert.ok(text.startsWith(inspected.up), inspected.up);
          if (enforce === 'refuse') assert.notEqual(inspected.up, text);
          if (enforce === 'refuse')
            assert.ok(!inspected.up.includes('\n') || /^H?PUB|^SUB/.test(inspected.up));
        }
      });
    }
  });
}

test('what is refused never becomes complete upstream, and what stood in front of it went', () => {
  for (const [text, , enforce] of Object.values(VECTORS).flat()) {
    if (enforce !== 'refuse' || text.length > 40) continue;
    const bytes = Buffer.from(`SUB before 1\r\n${text}`, 'latin1');
    const inspected = Inspected.connected('enforce').toUpstream(bytes);
    assert.ok(inspected.up.startsWith('SUB before 1\r\n'));
    assert.ok(inspected.up.length < bytes.length);
  }
});

test('what may be said before CONNECT: nothing', () => {
  for (const text of ['PING\r\n', 'SUB a 1\r\n', 'PUB a 2\r\nhi\r\n']) {
    const inspected = new Inspected('enforce').toUpstream(Buffer.from(text));
    assert.equal(inspected.up, '');
    assert.equal(inspected.finalError, "-ERR 'Unknown Protocol Operation'\r\n");
  }
});

test('a line that is too long is refused in the words of the server', () => {
  const inspected = Inspected.connected('enforce').toUpstream(Buffer.from(`SUB ${'x'.repeat(4200)}`));
  assert.equal(inspected.up, '');
  assert.equal(inspected.finalError, "-ERR 'maximum control line exceeded'\r\n");
});

/** Cut once, everywhere, and into single bytes; the parser's own test cuts at pairs of places. */
function everywhere(length: number): number[][] {
  const offsets = Array.from({ length: length - 1 }, (_, at) => at + 1);
  return [...offsets.map((at) => [at]), offsets];
}
