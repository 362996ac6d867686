import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { InspectionLevel } from '../../src/inspect/inspection-facts.ts';
import { Inspected } from '../inspect/inspected.ts';
import { byteByByte, readPieces } from './parse-pieces.ts';

/**
 * What @nats-io clients and a real nats-server said to one another, recorded by scripts/record-conversations.ts. The
 * operations are counted there by what the clients did, so a new recording may need new numbers here.
 */
const FOLDER = join(import.meta.dirname, '..', 'fixtures', 'conversations');
const NAMES = ['publish-subscribe', 'jetstream', 'key-value', 'object-store', 'errors'] as const;
const LEVELS: readonly InspectionLevel[] = ['observe', 'enforce'];

const read = (name: string, side: 'client' | 'server'): Buffer =>
  readFileSync(join(FOLDER, `${name}.${side}.bin`));
const infoLength = (server: Buffer): number => server.indexOf('\n') + 1;

/** Counted by a plain reading of the text, line by line. */
function counted(bytes: Buffer): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let at = 0; at < bytes.length; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const words = bytes.toString('latin1', at, lineEnd).split(' ');
    const verb = words[0]!;
    counts[verb] = (counts[verb] ?? 0) + 1;
    at = lineEnd + 2 + (/^H?(PUB|MSG)$/.test(verb) ? Number(words.at(-1)) + 2 : 0);
  }
  return counts;
}

for (const name of NAMES) {
  describe(name, () => {
    const client = read(name, 'client');
    const server = read(name, 'server');
    const rest = server.subarray(infoLength(server));

    test('both parsers read all of it, whole and byte by byte', () => {
      for (const [direction, bytes] of [
        ['to_upstream', client],
        ['to_client', server],
      ] as const) {
        // The one in `errors` is cut off by the server.
        const tooBig = name === 'errors' && direction === 'to_upstream';
        for (const pieces of [[bytes], byteByByte(bytes)]) {
          const reading = readPieces(direction, pieces, { checkHeaders: true, assembleLines: true });
          assert.equal(reading.error, undefined);
          assert.ok(tooBig || reading.boundary === bytes.length);
          assert.ok(reading.events.length > 4);
        }
      }
    });

    for (const level of LEVELS) {
      const run = (cutsUp: readonly number[], cutsDown: readonly number[]): Inspected => {
        const inspected = new Inspected(level);
        const info = server.subarray(0, infoLength(server));
        assert.ok(inspected.inspector.firstInfo(Buffer.from(info)).equals(info));
        inspected.toUpstream(client, cutsUp).toClient(Buffer.from(rest), cutsDown);
        return inspected;
      };

      test(`${level}: no stop, the same bytes and counts in any pieces`, () => {
        const cuts = (length: number) =>
          fc
            .array(fc.nat(length), { maxLength: 60, size: 'max' })
            .map((list) => list.sort((one, other) => one - other));
        const property = fc.property(cuts(client.length), cuts(rest.length), (up, down) => {
          const inspected = run(up, down);
          assert.equal(inspected.down, rest.toString('latin1'));
          const facts = inspected.inspector.facts();
          assert.deepEqual(inspected.stops, []);
          assert.deepEqual(nonZero(facts.operations.toUpstream), counted(client));
          assert.deepEqual(nonZero(facts.operations.toClient), counted(server));
          if (level === 'observe') assert.equal(inspected.up, client.toString('latin1'));
          else {
            // CONNECT leaves in canonical form; behind it not a byte is another.
            const behind = client.toString('latin1', client.indexOf('\n') + 1);
            assert.equal(inspected.up.slice(inspected.up.indexOf('\n') + 1), behind);
            assert.match(inspected.up, /^CONNECT \{/);
          }
        });
        fc.assert(property, { numRuns: 60 });
      });
    }
  });
}

const nonZero = (counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

test('the errors that the server told', () => {
  const inspected = new Inspected('observe').toClient(read('errors', 'server'));
  assert.deepEqual(inspected.serverErrors.slice(0, 2), ['permissions', 'permissions']);
});
