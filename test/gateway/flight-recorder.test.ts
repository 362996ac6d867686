import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';

const CONNECT = 'CONNECT {"verbose":false,"protocol":1,"pass":"CANARY"}\r\n';
const say = (client: RawClient, text: string): void => client.send(frame(Opcode.binary, Buffer.from(text)));
type Row = { readonly id: number; readonly state: string; readonly session: number; readonly reason: string };

const api = (gateway: TestGateway, path: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${gateway.adminPort}/api/captures${path}`);
async function rows(gateway: TestGateway): Promise<readonly Row[]> {
  return ((await (await api(gateway, '')).json()) as { captures: Row[] }).captures;
}

describe('a flight recorder', () => {
  test('keeps what a session said last, when it ends as was configured, and nothing of others', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, {
      inspect: 'enforce',
      captures: {
        ringBytes: 4096,
        keep: [{ reason: 'nats_violation' }, { reason: 'client_closed', error: 'Permissions*' }],
      },
    });
    for (const [index, error] of ['-ERR \'Permissions Violation for Publish to "a"\'\r\n', ''].entries()) {
      await using client = await RawClient.open(gateway.port);
      const connection = await upstream.connection(index);
      say(client, `${CONNECT}${'PUB a 6\r\nCANARY\r\n'.repeat(60)}PUB last 0\r\n\r\nPING\r\n`);
      await connection.until(({ received }) => received.includes('PING\r\n'));
      connection.socket.write(`PONG\r\n${error}`);
      await client.until(() => client.data.includes(`PONG\r\n${error}`));
      client.send(closeFrame(1000));
      await gateway.log.find((line) => line.message === 'session ended' && line['session'] === index + 1);
    }
    const [kept, ...others] = await rows(gateway);
    assert.deepEqual(others, [], 'the second had no error');
    assert.deepEqual([kept?.state, kept?.session, kept?.reason], ['ended', 1, 'client_closed']);
    const line = await gateway.log.find(({ message }) => message === 'capture kept');
    assert.deepEqual([line['session'], line['capture']], [1, kept?.id]);
    const text = await (await api(gateway, `/${kept?.id}/file`)).text();
    assert.match(text, /"subj":"last"/);
    assert.match(text, /Permissions Violation/);
    assert.match(text, /operations before this were overwritten/);
    assert.equal(text.includes('CANARY'), false);

    await using bad = await RawClient.open(gateway.port);
    say(bad, `${CONNECT}NONSENSE\r\n`);
    await bad.until(() => bad.frames.at(-1)?.opcode === Opcode.close);
    bad.send(closeFrame(1008));
    await gateway.log.find((one) => one['reason'] === 'nats_violation' && one.message === 'capture kept');
    assert.equal((await rows(gateway)).length, 2);
  });

  test('a client that ends itself again and again has ten a minute, and off holds nothing', async () => {
    await using upstream = await FakeUpstream.start();
    const captures = { ringBytes: 4096, keep: [{ reason: 'nats_violation' }] } as const;
    for (const [ringBytes, expected] of [
      [4096, 10],
      [0, 0],
    ] as const) {
      await using gateway = await startTestGateway(upstream.port, {
        inspect: 'enforce',
        captures: { ...captures, ringBytes },
      });
      for (let count = 0; count < 12; count++) {
        await using client = await RawClient.open(gateway.port);
        say(client, 'NONSENSE\r\n');
        await client.until(() => client.frames.at(-1)?.opcode === Opcode.close);
        client.send(closeFrame(1008));
        await client.until(() => client.closed);
      }
      assert.equal((await rows(gateway)).length, expected);
    }
  });
});
