import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CaptureReading } from '../support/tshark.ts';
import { EVERYTHING, pcapng } from './support.ts';

/** In the order of the file, on the two sides. */
const BROWSER = 'INFO CONNECT PING PONG +OK SUB SUB UNSUB PUB HPUB MSG HMSG PUB -ERR PING PONG'.split(' ');
const SERVER = 'INFO CONNECT PING PONG +OK SUB SUB UNSUB PUB HPUB MSG HMSG PING PONG'.split(' ');
/** Anything that Wireshark finds odd; a chat is what every connection has. */
const ODD = '_ws.malformed || tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0';
const CHECKSUMS = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
const OPERATIONS = ['-Y', 'nats', '-T', 'fields', '-e', 'nats.op'];

const FILES = [
  ['IPv4', { client: '203.0.113.9', server: { address: '198.51.100.3' } }, undefined],
  ['IPv6', { client: '2001:db8::77', server: { address: '2001:db8::99' } }, undefined],
  ['unknown addresses', {}, undefined],
  ['segments of 7 bytes', { client: '203.0.113.9' }, 7],
] as const;

describe('a capture in Wireshark', () => {
  for (const [name, header, segmentBytes] of FILES)
    test(`${name}: every operation by name on both sides, and nothing odd`, async () => {
      await using file = await CaptureReading.of(
        await pcapng(EVERYTHING(header, segmentBytes === undefined ? 70_000 : 300), segmentBytes),
      );
      const rows = await file.fields('nats', 'frame.interface_name', 'nats.op');
      const on = (wanted: string): string[] =>
        rows.flatMap(([side, ops = '']) => (side !== wanted || ops === '' ? [] : ops.split(',')));
      assert.deepEqual(on('browser'), BROWSER);
      assert.deepEqual(on('nats-server'), SERVER);
      assert.equal(await file.lua([...CHECKSUMS, '-Y', ODD]), '');
    });

  test('parts of operations have the names of the dissector in Wireshark itself', async () => {
    await using file = await CaptureReading.of(await pcapng(EVERYTHING()));
    const seen = await file.fields(
      'nats.op == "HPUB" && frame.interface_name == "browser"',
      'nats.subject',
      'nats.headers.length',
      'nats.total_length',
      'nats.header.name',
    );
    assert.deepEqual(seen, [['a.b', '60', '70000', 'Nats-Msg-Id,X']]);
    assert.deepEqual(await file.fields('nats.reply_to == "_INBOX.x"', 'nats.op'), [['PUB'], ['PUB']]);
    assert.deepEqual(await file.fields('nats.err_msg', 'nats.err_msg'), [["'Permissions Violation'"]]);
  });

  test('what natsgate did is a comment where it did it; masked and made-up things are said', async () => {
    await using file = await CaptureReading.of(await pcapng(EVERYTHING()));
    const comments = await file.fields('frame.comment', 'nats.op', 'frame.comment');
    assert.deepEqual(comments, [
      ['INFO', 'natsgate: replaced'],
      ['INFO', 'natsgate: written by natsgate'],
      ['CONNECT', 'natsgate: replaced'],
      ['CONNECT', 'natsgate: written by natsgate: login of connect'],
      ['PUB', 'natsgate: dropped: policy'],
      ['-ERR', 'natsgate: written by natsgate'],
      ['PING', 'natsgate: client paused'],
      ['', 'natsgate: end: client_closed'],
    ]);
    const infos = await file.capinfos();
    assert.match(infos, /File type: +Wireshark\/\.\.\. - pcapng/);
    assert.match(infos, /Strict time order: +True/);
    assert.match(infos, /(First|Earliest) packet time: +2026-11-30 12:00:00\.000000000/);
    assert.match(infos, /Capture application: natsgate 1\.2\.3/);
    assert.match(infos, /session 7; server n1 2\.12\.0; cid 5; payloads and header values are masked/);
    assert.match(infos, /Name = browser[\s\S]+Name = nats-server/);
  });

  test('Follow stream, without our Lua file too', async () => {
    await using file = await CaptureReading.of(await pcapng(EVERYTHING(), 1000));
    const text = await file.tshark('-q', '-z', 'follow,tcp,ascii,0');
    assert.match(text, /INFO \{"server_id":"y"\}/);
    assert.match(text, /HPUB a\.b 60 70000\r?\n/);
    // 29 of them fill the last header.
    assert.equal(text.match(/\.{10,}/g)?.join('').length, 70_000 - 60 + 29);
    assert.doesNotMatch(text, /missing in capture/);
  });

  test('the Lua file does nothing where Wireshark has a dissector of its own', async () => {
    await using file = await CaptureReading.of(await pcapng(EVERYTHING()));
    await writeFile(
      join(file.path, 'own.lua'),
      `local own = Proto("nats", "Wireshark's own")
       local op = ProtoField.string("nats.op", "Operation")
       own.fields = { op }
       function own.dissector(tvb, pinfo, tree) tree:add(own, tvb()):add(op, tvb(), "own") return tvb:len() end
       DissectorTable.get("tcp.port"):add(4222, own)`,
      { mode: 0o644 },
    );
    const seen = await file.lua(OPERATIONS, ['own.lua']);
    assert.deepEqual([...new Set(seen.trim().split('\n'))], ['own']);
  });
});
