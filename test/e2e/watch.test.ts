import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { wsconnect } from '@nats-io/nats-core';
import { ref } from '../../src/admin/openapi/schema.ts';
import { SESSION_SCHEMAS } from '../../src/admin/openapi/session-schemas.ts';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { startTestGateway } from '../support/gateway.ts';
import { differences } from '../support/json-schema.ts';
import { realNatsServer } from '../support/nats.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';
import { Watching } from '../support/watching.ts';

const CANARY = 'CANARY-0123456789abcdef';

let server: RunningNatsServer;
before(async () => {
  server = await realNatsServer({
    config: `authorization { users: [{ user: u, password: "${CANARY}", permissions: { publish: { deny: "secret.>" } } }] }`,
  });
});
after(() => server?.close());

for (const engine of ['cut-through', 'buffered'] as const)
  for (const inspect of ['observe', 'enforce'] as const)
    describe(`a watched session, ${engine}, ${inspect}`, () => {
      test('a real client: its operations by name, replies with their requests, an -ERR with its cause', async () => {
        await using gateway = await startTestGateway(server.port, { inspect, engine });
        const servers = `ws://127.0.0.1:${gateway.port}`;
        const client = await wsconnect({ servers, user: 'u', pass: CANARY, reconnect: false });
        await using watching = await Watching.open(gateway.adminPort, 1);
        client.subscribe('echo', { callback: (_error, message) => void message.respond(message.data) });
        assert.equal((await client.request('echo', `payload ${CANARY}`)).string(), `payload ${CANARY}`);
        client.publish('secret.plan', CANARY);
        client.publish('open');
        await client.flush();
        await watching.until(() => watching.named('-ERR').length > 0 && watching.named('PONG').length > 0);
        await client.close();
        await watching.until(() => watching.ended);

        const { events, text } = watching;
        assert.doesNotMatch(text, /CANARY|payload/);
        for (const event of events)
          assert.deepEqual(
            differences(event, ref('WatchedEvent'), SESSION_SCHEMAS),
            [],
            JSON.stringify(event),
          );
        const one = (op: string, subj?: string) =>
          events.find((event) => event.op === op && (subj === undefined || event.subj === subj));
        assert.equal(one('-ERR')?.cause, one('PUB', 'secret.plan')?.id);
        assert.equal(one('-ERR')?.guess, undefined);
        const request = one('PUB', 'echo');
        const served = one('MSG', 'echo');
        const response = events.find(({ op, answers }) => op === 'PUB' && answers === served?.id);
        const reply = events.find(({ op, answers }) => op === 'MSG' && answers === request?.id);
        assert.ok(response !== undefined && reply !== undefined);
        assert.ok((reply.after ?? 0) > 0 && (reply.t ?? 0) - (request?.t ?? 0) === reply.after);
        // PUB and PING of one turn leave in one message.
        assert.equal(one('PUB', 'open')?.f, one('PING')?.f);
        assert.match(text, /event: end\ndata: \{"reason":"client_closed","code":\d+/);
      });

      test('one operation over several messages, and several in one', async () => {
        await using gateway = await startTestGateway(server.port, { inspect, engine });
        await using client = await RawClient.open(gateway.port);
        client.send(
          frame(Opcode.binary, `CONNECT {"verbose":false,"user":"u","pass":"${CANARY}"}\r\nPING\r\n`),
        );
        await client.until(() => client.data.includes('PONG'));
        await using watching = await Watching.open(gateway.adminPort, 1);
        client.send(
          Buffer.concat([
            frame(Opcode.binary, 'SUB a 1\r\nPUB a 10\r\n012'),
            frame(Opcode.binary, '34567'),
            frame(Opcode.binary, '89\r\nPI'),
            frame(Opcode.binary, 'NG\r\n'),
          ]),
        );
        await client.until(() => client.data.includes('MSG a 1 10\r\n0123456789\r\nPONG'));
        await watching.until(() => watching.named('PONG').length > 0);
        const said = watching.events.filter(({ d, op }) => d === 'c>' && op !== undefined);
        assert.deepEqual(
          said.map(({ op, f, fEnd }) => [op, f, fEnd]),
          [
            ['SUB', 1, undefined],
            ['PUB', 1, 3],
            ['PING', 3, 4],
          ],
        );
        const [message, pong] = [watching.named('MSG')[0], watching.named('PONG')[0]];
        assert.deepEqual([message?.f, pong?.f], [1, pong?.f]);
        client.send(closeFrame(1000));
      });
    });
