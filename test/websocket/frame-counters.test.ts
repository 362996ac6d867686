import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPCODES, opcodeIndex } from '../../src/websocket/frame-counters.ts';

test('each opcode counts under its own name, and the reserved ones together', () => {
  const names = new Map([
    [0x0, 'continuation'],
    [0x1, 'text'],
    [0x2, 'binary'],
    [0x8, 'close'],
    [0x9, 'ping'],
    [0xa, 'pong'],
  ]);
  for (let opcode = 0; opcode < 16; opcode++)
    assert.equal(OPCODES[opcodeIndex(opcode)], names.get(opcode) ?? 'other', `${opcode}`);
});
