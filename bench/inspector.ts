import { parseArgs } from 'node:util';
import { BufferPool } from '../src/bytes/buffer-pool.ts';
import type { Policy } from '../src/inspect/inspection.ts';
import type { InspectionLevel } from '../src/inspect/inspection-facts.ts';
import { Inspector } from '../src/inspect/inspector.ts';
import { stampPolicy } from '../src/inspect/stamp-policy.ts';
import { subjectPolicy } from '../src/inspect/subject-policy.ts';
import { readStampTemplate, Stamp } from '../src/nats/stamp.ts';
import { Role } from '../src/policy/role.ts';
import { rulesOf } from '../test/policy/support.ts';
import { median } from './statistics.ts';

/**
 * The inspector of a client's bytes alone, in ns of CPU for each message: reads of up to 64 KiB in slots of the pool, and
 * what leaves is thrown away. All kinds take turns in one process. Never to be quoted as speed of the system: all of it
 * happens in the cache.
 */
const { values } = parseArgs({
  options: { samples: { type: 'string', default: '5' }, ms: { type: 'string', default: '20' } },
});
const SAMPLES = Number(values.samples);
const SAMPLE_MS = Number(values.ms);
const PAYLOADS = [16, 128, 4096];
const READ_BYTES = 62_000;

/** 20 entries, of which the last allows what is sent. */
const LISTS = {
  allow: [...Array.from({ length: 19 }, (_, index) => `bench.other${index}.*.>`), 'bench.*'],
  deny: ['bench.admin.>', 'bench.*.secret'],
};
const ROLE = Role.of(
  rulesOf({ publish: LISTS, prefix: '_INBOX', headers: { deny: ['Nats-*'], allow: [] } }),
  undefined,
);
const policy = (mode: 'observe' | 'enforce'): Policy =>
  subjectPolicy(ROLE, { mode, roles: [], onDeny: 'error', denialsBeforeClose: undefined }, () => {
    throw new Error('a message was refused');
  });
const STAMP = new Stamp({ 'Natsgate-User': readStampTemplate('{user}') ?? [] }, { user: 'somebody' });
const KINDS: readonly (readonly [name: string, InspectionLevel, () => readonly Policy[]])[] = [
  ['observe', 'observe', () => []],
  ['enforce', 'enforce', () => []],
  ['policy observes', 'observe', () => [policy('observe')]],
  ['policy', 'enforce', () => [policy('enforce')]],
  ['stamp', 'enforce', () => [stampPolicy(STAMP)]],
  ['both', 'enforce', () => [policy('enforce'), stampPolicy(STAMP)]],
];
const BLOCK = 'NATS/1.0\r\nA: bcdefgh\r\n\r\n';
const FORMS: Readonly<Record<string, (index: number, payload: string) => string>> = {
  'one subject': (_, payload) => `PUB bench.subject ${payload.length}\r\n${payload}\r\n`,
  'three subjects': (index, payload) => `PUB bench.subject${index % 3} ${payload.length}\r\n${payload}\r\n`,
  'new subjects': (index, payload) => `PUB bench.subject${index} ${payload.length}\r\n${payload}\r\n`,
  'own replies': (index, payload) =>
    `PUB bench.subject _INBOX.ABCDEFGHIJKLMNOPQRSTUV.${index} ${payload.length}\r\n${payload}\r\n`,
  'own headers': (_, payload) =>
    `HPUB bench.subject ${BLOCK.length} ${BLOCK.length + payload.length}\r\n${BLOCK}${payload}\r\n`,
};

const pool = new BufferPool();
function send(inspector: Inspector, bytes: Buffer): void {
  const slot = pool.take();
  bytes.copy(pool.bytes, slot);
  inspector.toUpstream(pool.lend(slot, slot + bytes.length));
}

function connected(level: InspectionLevel, policies: readonly Policy[]): Inspector {
  const rules = {
    level,
    maxLineBytes: 4096,
    info: { connectUrls: 'keep', hide: [] },
    policies,
    keepsLogin: true,
  } as const;
  const inspector = new Inspector(rules, pool, {
    onParserStop(_, error) {
      throw new Error(error.expected);
    },
    onServerError() {},
    onOwnLoginRefused() {},
    onLameDuck() {},
    onRoundTrip() {},
  });
  inspector.start({ writeToUpstream: (chunk) => pool.release(chunk), writeToClient() {}, awaitErrors() {} });
  inspector.firstInfo(Buffer.from('INFO {"max_payload":1048576} \r\n'));
  send(inspector, Buffer.from('CONNECT {"protocol":1,"headers":true}\r\n'));
  return inspector;
}

function piecesOf(form: (index: number, payload: string) => string, payloadBytes: number) {
  const payload = 'x'.repeat(payloadBytes);
  const texts: string[] = [];
  for (let bytes = 0, index = 0; ; index++) {
    const text = form(1000 + index, payload);
    bytes += text.length;
    if (bytes > READ_BYTES) return { bytes: Buffer.from(texts.join('')), messages: texts.length };
    texts.push(text);
  }
}

/** ns of CPU for one message, and how many reads take `SAMPLE_MS`. */
function sample(inspector: Inspector, { bytes, messages }: ReturnType<typeof piecesOf>, reads: number) {
  const start = process.cpuUsage();
  for (let count = 0; count < reads; count++) send(inspector, bytes);
  const { user, system } = process.cpuUsage(start);
  const us = Math.max(1, user + system);
  return {
    ns: (us * 1000) / reads / messages,
    reads: Math.max(1, Math.round((reads * SAMPLE_MS * 1000) / us)),
  };
}

console.log(`ns/message${' '.repeat(20)}${KINDS.map(([name]) => name.padStart(16)).join('')}`);
for (const payloadBytes of PAYLOADS)
  for (const [name, form] of Object.entries(FORMS)) {
    const piece = piecesOf(form, payloadBytes);
    const all = KINDS.map(([, level, policies]) => ({
      inspector: connected(level, policies()),
      reads: 20,
      ns: [] as number[],
    }));
    for (let round = 0; round < SAMPLES + 2; round++)
      for (const one of all) {
        const { ns, reads } = sample(one.inspector, piece, one.reads);
        one.reads = Math.min(reads, 4 * one.reads);
        if (round >= 2) one.ns.push(ns);
      }
    const cells = all.map(({ ns }) => median(ns).toFixed(0).padStart(16)).join('');
    console.log(`${`${payloadBytes} bytes, ${name}`.padEnd(30)}${cells}`);
  }
