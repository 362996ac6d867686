import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeUpstream, INFO_LINE } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';

test('the first message is the INFO line alone, whatever came with it', async () => {
  await using upstream = await FakeUpstream.start({ greeting: `${INFO_LINE}PING\r\n` });
  await using gateway = await startTestGateway(upstream.port);
  await using client = await RawClient.open(gateway.port);
  await client.until(() => client.frames.length >= 2);
  assert.equal(client.frames[0]?.payload.toString(), INFO_LINE);
  assert.equal(client.frames[1]?.payload.toString(), 'PING\r\n');
  for (const one of client.frames)
    assert.deepEqual([one.fin, one.opcode, one.masked], [true, Opcode.binary, false]);
});

test('bytes go up and down unchanged, frames and fragments alike', async () => {
  await using upstream = await FakeUpstream.start({ echo: true });
  await using gateway = await startTestGateway(upstream.port);
  await using client = await RawClient.open(gateway.port);
  client.send(
    Buffer.concat([frame(Opcode.binary, 'PUB a 5\r\n'), frame(Opcode.binary, 'hel', { fin: false })]),
  );
  client.send(frame(Opcode.ping, 'x'));
  client.send(frame(Opcode.continuation, 'lo\r\n'));
  const connection = await upstream.connection();
  await connection.until((one) => one.byteCount === 16);
  assert.equal(connection.received.toString(), 'PUB a 5\r\nhello\r\n');
  await client.until(() => client.data.length === INFO_LINE.length + 16);
  assert.equal(client.data.toString(), `${INFO_LINE}PUB a 5\r\nhello\r\n`);
});

test('a close by the client: the same code back, the upstream ended, one log line', async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port);
  await using client = await RawClient.open(gateway.port);
  client.send(Buffer.concat([frame(Opcode.binary, 'last'), closeFrame(3000, 'my own words')]));
  assert.deepEqual(await client.closeReceived(), { code: 3000, reason: '' });
  const connection = await upstream.connection();
  await connection.until((one) => one.ended);
  assert.equal(connection.received.toString(), 'last');
  const line = await gateway.log.ended();
  assert.equal(line['reason'], 'client_closed');
  assert.equal(line['code'], 3000);
  assert.equal(line['bytesToUpstream'], 4);
  assert.equal(line['natsClientId'], 7);
  assert.equal(gateway.gateway.sessionCount, 0);
});
