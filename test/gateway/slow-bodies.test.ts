import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { OPERATIONS } from '../../src/admin/openapi/operations.ts';
import { makeCertificates, serverTls, type TestCertificates } from '../support/certificates.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { RawClient } from '../support/raw-client.ts';

const TOKEN = 'canary-token-of-the-admin-port';
const BEARER = `Authorization: Bearer ${TOKEN}\r\n`;
/** More than the places of long answers. */
const SENDERS = 40;
const BODY = '{"token":"wrong"}';

const CHANGES = Object.keys(OPERATIONS).filter((name) => !name.startsWith('GET '));

let certificates: TestCertificates;
let upstream: FakeUpstream;
const resources = new AsyncDisposableStack();
before(async () => {
  certificates = resources.use(await makeCertificates());
  upstream = resources.use(await FakeUpstream.start());
});
after(() => resources.disposeAsync());

for (const isSecure of [false, true])
  describe(isSecure ? 'over TLS' : 'in clear', () => {
    test('senders of no body take /metrics, the API and the page from nobody', async () => {
      await withSenders(isSecure, ['POST /api/login'], '');
    });

    test('nor do those who have the token, whatever they would change', async () => {
      assert.ok(CHANGES.length > 5);
      await withSenders(isSecure, CHANGES, BEARER);
    });
  });

async function withSenders(isSecure: boolean, operations: readonly string[], lines: string): Promise<void> {
  const tls = isSecure ? serverTls(certificates) : undefined;
  await using gateway = await startTestGateway(upstream.port, { admin: { token: TOKEN, tls } });
  await using clients = new AsyncDisposableStack();
  const send = async (request: string, more: string): Promise<RawClient> => {
    const client = clients.use(await RawClient.connect(gateway.adminPort, isSecure ? {} : undefined));
    client.send(`${request} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`);
    return client;
  };
  // By 100 the sender knows that its head was read.
  const waiting = `${lines}Content-Length: ${BODY.length}\r\nExpect: 100-continue\r\n`;
  const senders = await Promise.all(
    Array.from({ length: SENDERS }, (_, index) => {
      const operation = operations[index % operations.length] ?? '';
      return send(operation.replace('{id}', '1'), waiting);
    }),
  );
  for (const sender of senders) assert.equal(await sender.status(), 100);
  for (const path of ['/metrics', '/api/status', '/', '/livez'])
    assert.equal(await (await send(`GET ${path}`, BEARER)).status(), 200, path);

  const [first] = senders;
  first?.send(BODY);
  await first?.until(() => first.ended || first.closed);
  assert.match(String(first?.rest), /^HTTP\/1\.1 [24]\d\d /);
}
