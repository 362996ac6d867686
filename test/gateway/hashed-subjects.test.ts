import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';
import { Watching } from '../support/watching.ts';

const SETTINGS = {
  log: { level: 'debug' },
  inspect: 'enforce',
  policy: { roles: [{ name: 'default', publish: { allow: ['a.>'] }, subscribe: { allow: ['a.>'] } }] },
  captures: { ring: '16KiB', keep: [{ reason: 'killed' }] },
};
const HASHED = { ...SETTINGS, admin: { address: '127.0.0.1:0', subjects: 'hashed' } };
const SAID = [
  'CONNECT {"verbose":false}\r\n',
  'PING\r\nSUB a.b.jane.* 1\r\n',
  'PUB a.b.jane _INBOX.0123456789abcdef 2\r\nhi\r\n',
  'PUB not.allowed.jane 2\r\nhi\r\n',
].join('');
const ANSWERED =
  'PONG\r\nMSG a.b.jane 1 2\r\nhi\r\n-ERR \'Permissions Violation for Publish to "a.b.jane"\'\r\n';

/** All that an operator can see of one session. */
async function seen(gateway: ReloadableGateway, upstream: FakeUpstream): Promise<Record<string, string>> {
  const api = async (path: string, init?: RequestInit): Promise<string> =>
    (await fetch(`http://127.0.0.1:${gateway.adminPort}/api/${path}`, init)).text();
  await api('subjects');
  const { id: capture } = JSON.parse(
    await api('captures', { method: 'POST', body: '{"origin":"https://app.example.com"}' }),
  );
  await using client = await RawClient.open(gateway.port);
  const { id } = JSON.parse(await api('sessions')).sessions[0];
  await using watching = await Watching.open(gateway.adminPort, id);
  client.send(frame(Opcode.binary, SAID));
  const connection = await upstream.connection();
  await connection.until((one) => one.received.includes('hi\r\n'));
  connection.socket.write(ANSWERED);
  await watching.until(() => watching.named('-ERR').length > 1);
  const shown = {
    session: await api(`sessions/${id}`),
    sessions: await api('sessions'),
    watch: watching.text,
    capture: await api(`captures/${capture}/file`),
    pcapng: await api(`captures/${capture}/file?as=pcapng`),
    subjects: await api('subjects'),
    policy: await api('policy/observed'),
  };
  await api(`sessions/${id}/kick`, { method: 'POST' });
  await client.closeReceived();
  client.send(closeFrame(1000));
  const kept = await gateway.log.find(({ message }) => message === 'capture kept');
  const flight = await api(`captures/${kept['capture']}/file`);
  return { ...shown, flight, lines: await api('log/lines'), log: gateway.log.text.join('\n') };
}

test('hashed: the third token of a subject is in no view, capture, export or line of the log', async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await ReloadableGateway.start(upstream.port, HASHED);
  const shown = await seen(gateway, upstream);
  for (const [where, text] of Object.entries(shown)) assert.doesNotMatch(text, /jane/, where);
  const [, hash = ''] = /"a\.b\.([0-9a-f]{6})\.\*"/.exec(shown['session'] ?? '') ?? [];
  for (const where of ['session', 'watch', 'capture', 'flight', 'subjects', 'policy'])
    assert.ok(shown[where]?.includes(hash), `${where}: equal tokens are equal`);
  assert.match(shown['capture'] ?? '', /^\{[^\n]*"subjects":"hashed"/);
});

test('a reload hashes from then on', async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await ReloadableGateway.start(upstream.port, SETTINGS);
  const before = await seen(gateway, upstream);
  for (const where of ['session', 'watch', 'capture', 'pcapng', 'flight', 'subjects', 'policy', 'log'])
    assert.match(before[where] ?? '', /jane/, where);
  await gateway.write(HASHED);
  assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
  const status = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/status`);
  assert.equal(((await status.json()) as { subjects: string }).subjects, 'hashed');
});
