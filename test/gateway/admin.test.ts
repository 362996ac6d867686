import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingHttpHeaders, type RequestOptions, request, STATUS_CODES } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { closeFrame, RawClient } from '../support/raw-client.ts';

type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

/** One request to a port of this machine, on a connection of its own. */
async function ask(port: number, path: string, options: RequestOptions = {}): Promise<Answer> {
  const signal = AbortSignal.timeout(30_000);
  const sent = request({ host: '127.0.0.1', port, path, agent: false, signal, ...options }).end();
  const [answer] = await once(sent, 'response', { signal });
  const chunks: Buffer[] = await Array.fromAsync(answer);
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) };
}

const text = ({ body }: Answer): string => body.toString();

/** The word of a refusal: in a problem document below /api, at the begin of a line of text elsewhere. */
const codeOf = (answer: Answer): unknown =>
  answer.headers['content-type'] === 'application/problem+json'
    ? JSON.parse(text(answer)).code
    : /^([a-z_]+): [^\n]+\n$/.exec(text(answer))?.[1];

const resources = new AsyncDisposableStack();
let upstream: FakeUpstream;
let gateway: TestGateway;
before(async () => {
  upstream = resources.use(await FakeUpstream.start());
  gateway = resources.use(await startTestGateway(upstream.port, { admin: { hosts: ['admin.internal'] } }));
});
after(() => resources.disposeAsync());

describe('what is served', () => {
  test('/livez and /readyz, which is /healthz as well', async () => {
    for (const path of ['/livez', '/readyz', '/readyz?verbose', '/healthz']) {
      const answer = await ask(gateway.adminPort, path);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8');
      assert.equal(text(answer), 'ok\n');
    }
  });

  test('/metrics in the classic format', async () => {
    const answer = await ask(gateway.adminPort, '/metrics');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(answer.headers['content-encoding'], undefined);
    assert.match(text(answer), /^# TYPE natsgate_handshakes_total counter$/m);
    assert.match(text(answer), /^natsgate_ready 1$/m);
    assert.doesNotMatch(text(answer), /# EOF/);
  });

  test('/metrics in the OpenMetrics format when it is asked for', async () => {
    const accept =
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
    const answer = await ask(gateway.adminPort, '/metrics', { headers: { Accept: accept } });
    assert.equal(answer.status, 200);
    assert.equal(
      answer.headers['content-type'],
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    );
    assert.match(text(answer), /^# TYPE natsgate_handshakes counter$/m);
    assert.match(text(answer), /\n# EOF\n$/);
    assert.equal(text(answer).split('# EOF').length, 2);
  });

  test('scrapes at the same moment get the format that each of them asked for', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        ask(gateway.adminPort, '/metrics', {
          headers: { Accept: index % 2 === 0 ? 'text/plain' : 'application/openmetrics-text' },
        }),
      ),
    );
    for (const [index, answer] of answers.entries()) {
      assert.match(String(answer.headers['content-type']), index % 2 === 0 ? /^text/ : /^application\/openm/);
      assert.equal(text(answer).endsWith('# EOF\n'), index % 2 === 1);
    }
  });

  test('gzip for those who take it', async () => {
    const zipped = await ask(gateway.adminPort, '/metrics', { headers: { 'Accept-Encoding': 'br, gzip' } });
    assert.equal(zipped.headers['content-encoding'], 'gzip');
    assert.equal(zipped.headers['content-length'], String(zipped.body.length));
    assert.match(gunzipSync(zipped.body).toString(), /^natsgate_ready 1$/m);
    for (const encoding of ['br', 'identity', 'gzip;q=0', 'br, gzip ; q=0.000, *']) {
      const plain = await ask(gateway.adminPort, '/metrics', { headers: { 'Accept-Encoding': encoding } });
      assert.equal(plain.headers['content-encoding'], undefined, encoding);
      assert.match(text(plain), /^natsgate_ready 1$/m);
    }
  });

  test('/api/status', async () => {
    await using client = await RawClient.open(gateway.port);
    const answer = await ask(gateway.adminPort, '/api/status');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
    const { state, sessions, upstreamServers: servers } = JSON.parse(text(answer));
    assert.equal(state, 'ready');
    assert.equal(sessions.active, 1);
    assert.equal(servers[0].name, `127.0.0.1:${upstream.port}`);
    client.send(closeFrame(1000));
    await gateway.log.ended();
  });

  test('/ is text, and HTML with links for those who ask for it by name', async () => {
    const asked: readonly (readonly [accept: string | undefined, type: string])[] = [
      [undefined, 'text/plain'],
      ['*/*', 'text/plain'],
      ['text/plain', 'text/plain'],
      ['application/json', 'text/plain'],
      ['text/html;q=0, */*', 'text/plain'],
      ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8', 'text/html'],
      ['text/html', 'text/html'],
    ];
    for (const [accept, type] of asked) {
      const what = String(accept);
      const answer = await ask(gateway.adminPort, '/', {
        headers: accept === undefined ? {} : { Accept: accept },
      });
      assert.equal(answer.status, 200, what);
      assert.equal(answer.headers['content-type'], `${type}; charset=utf-8`, what);
      assert.equal(answer.headers.vary, 'Accept', what);
      assert.match(text(answer), type === 'text/html' ? /<a href="\/metrics">/ : /^\/metrics +Prometheus$/m);
    }
  });

  test('/api/sessions in pages of any size, from any id on', async () => {
    await using other = await FakeUpstream.start();
    await using own = await startTestGateway(other.port);
    await using first = await RawClient.open(own.port);
    await using second = await RawClient.open(own.port);
    const ids = async (query: string): Promise<unknown> => {
      const answer = await ask(own.adminPort, `/api/sessions${query}`);
      return JSON.parse(text(answer)).sessions.map(({ id }: { id: number }) => id);
    };
    const [one, two] = (await ids('')) as [number, number];
    assert.ok(one < two);
    assert.deepEqual(await ids('?limit=1'), [one]);
    assert.deepEqual(await ids(`?after=${one}&limit=500`), [two]);
    assert.deepEqual(await ids(`?limit=1&after=${two}`), []);
    for (const client of [first, second]) client.send(closeFrame(1000));
    await own.log.ended();
  });

  test('HEAD: the same head, no body', async () => {
    for (const path of ['/', '/livez', '/readyz', '/api/status', '/nothing', '/api/nothing']) {
      const get = await ask(gateway.adminPort, path);
      const head = await ask(gateway.adminPort, path, { method: 'HEAD' });
      assert.equal(head.status, get.status, path);
      assert.equal(head.headers['content-type'], get.headers['content-type'], path);
      assert.ok(Number(head.headers['content-length']) > 0, path);
      assert.equal(head.body.length, 0, path);
    }
    const metrics = await ask(gateway.adminPort, '/metrics', { method: 'HEAD' });
    assert.deepEqual([metrics.status, metrics.body.length], [200, 0]);
  });

  test('every answer is safe in a browser', async () => {
    for (const path of ['/', '/livez', '/metrics', '/api/status', '/nothing']) {
      const { headers } = await ask(gateway.adminPort, path);
      assert.equal(headers['x-content-type-options'], 'nosniff', path);
      assert.equal(headers['cache-control'], 'no-store', path);
      assert.match(
        String(headers['content-security-policy']),
        /default-src 'none'; frame-ancestors 'none'/,
        path,
      );
      assert.equal(headers['access-control-allow-origin'], undefined, path);
      assert.equal(headers['x-powered-by'], undefined, path);
      assert.equal(headers['server'], undefined, path);
    }
  });
});

describe('what is refused', () => {
  test('other methods → 405', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']) {
      const answer = await ask(gateway.adminPort, '/readyz', { method });
      assert.equal(answer.status, 405, method);
      assert.equal(answer.headers.allow, 'GET, HEAD', method);
    }
  });

  test('other paths → 404, compared literally', async () => {
    const others = ['/nothing', '/metrics/', '//metrics', '/./metrics', '/%6detrics', '/METRICS', '*'];
    for (const path of [
      ...others,
      '/metr\\ics',
      '/%',
      '/%zz',
      '/metrics%00',
      '/x/../metrics',
      '/metrics;a',
    ]) {
      const answer = await ask(gateway.adminPort, path);
      assert.equal(answer.status, 404, path);
      assert.doesNotMatch(text(answer), /nothing|metrics/i, 'no text of the request');
    }
  });

  test('a foreign Host → 421, whatever is asked for', async () => {
    const foreign = ['evil.example', 'evil.example:8081', 'localhost.evil.example', '127.0.0.1.evil.example'];
    for (const host of [...foreign, '[evil]', 'localhost:8081:1', '127.0.0.1@evil.example', '0x7f.1']) {
      for (const path of ['/', '/livez', '/readyz', '/metrics', '/api/status', '/nothing']) {
        const answer = await ask(gateway.adminPort, path, { headers: { Host: host } });
        assert.equal(answer.status, 421, `${host}${path}`);
        assert.doesNotMatch(text(answer), /evil/);
      }
    }
  });

  test('our own Host: addresses, localhost, names of admin.hosts', async () => {
    const own = ['127.0.0.1', '127.0.0.1:8081', '10.1.2.3:8081', '[::1]', '[::1]:8081', 'localhost'];
    for (const host of [
      ...own,
      '[0:0:0:0:0:0:0:1]',
      'LOCALHOST:8081',
      'admin.internal',
      'Admin.Internal:80',
    ]) {
      const answer = await ask(gateway.adminPort, '/livez', { headers: { Host: host } });
      assert.equal(answer.status, 200, host);
    }
  });

  test('no Host → 400, an empty one → 421', async () => {
    await using without = await RawClient.connect(gateway.adminPort);
    without.send('GET /livez HTTP/1.1\r\n\r\n');
    assert.equal(await without.status(), 400);
    await using empty = await RawClient.connect(gateway.adminPort);
    empty.send('GET /livez HTTP/1.1\r\nHost:\r\n\r\n');
    assert.equal(await empty.status(), 421);
  });

  test('a foreign Origin → 403, our own is fine', async () => {
    const own = `http://127.0.0.1:${gateway.adminPort}`;
    const foreign = ['https://evil.example', 'null', '', own.replace('http:', 'https:'), 'http://127.0.0.1'];
    for (const origin of [...foreign, `http://localhost:${gateway.adminPort}`, `${own}/`]) {
      for (const path of ['/livez', '/metrics', '/api/status']) {
        const answer = await ask(gateway.adminPort, path, { headers: { Origin: origin } });
        assert.equal(answer.status, 403, `${origin} ${path}`);
        assert.equal(codeOf(answer), 'foreign_origin');
      }
    }
    const answer = await ask(gateway.adminPort, '/api/status', { headers: { Origin: own } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  });

  test('an upgrade never happens', async () => {
    const upgrade = { Connection: 'Upgrade', 'Sec-WebSocket-Version': '13' };
    for (const path of ['/', '/livez', '/metrics', '/api/status']) {
      const headers = { ...upgrade, Upgrade: 'websocket', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };
      assert.equal((await ask(gateway.adminPort, path, { headers })).status, 404, path);
    }
    // Programs that would like HTTP/2 ask for it in passing, and take the plain answer.
    const h2c = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABk' };
    assert.equal((await ask(gateway.adminPort, '/livez', { headers: h2c })).status, 200);
    assert.equal(upstream.connections.length, 1, 'that of the session above');
  });
});

describe('errors below /api', () => {
  const problem = async (path: string, options: RequestOptions = {}): Promise<unknown> => {
    const answer = await ask(gateway.adminPort, path, options);
    assert.equal(answer.headers['content-type'], 'application/problem+json', path);
    assert.equal(answer.headers['cache-control'], 'no-store', path);
    const { type, title, detail, ...rest } = JSON.parse(text(answer));
    assert.deepEqual(
      [type, title, typeof detail],
      ['about:blank', STATUS_CODES[answer.status], 'string'],
      path,
    );
    assert.equal(rest.status, answer.status);
    return `${rest.status} ${rest.code}`;
  };

  test('are problem documents (RFC 9457)', async () => {
    for (const [path, expected] of [
      ['/api', '404 not_found'],
      ['/api/nothing', '404 not_found'],
      ['/api/sessions/', '404 not_found'],
      ['/api/sessions/0', '404 not_found'],
      ['/api/sessions/%31', '404 not_found'],
      ['/api/sessions/999999', '404 no_session'],
      ['/api/sessions/99999999999999999999', '404 no_session'],
      ['/api/reload', '405 method'],
      ['/api/sessions/kick', '405 method'],
      ['/api/sessions/1/kick', '405 method'],
    ] as const)
      assert.equal(await problem(path), expected, path);
    assert.equal(await problem('/api/status', { method: 'POST' }), '405 method');
    assert.equal(await problem('/api/reload', { method: 'POST' }), '501 no_source');
    assert.equal(await problem('/api/status', { headers: { Host: 'evil.example' } }), '421 foreign_host');
  });

  test('a page of sessions that is not one: 400', async () => {
    for (const query of ['limit=0', 'limit=501', 'limit=-1', 'limit=1.5', 'limit=', 'limit=ten', 'limit=1e2'])
      assert.equal(await problem(`/api/sessions?${query}`), '400 limit', query);
    for (const query of ['after=-1', 'after=', 'after=x', 'after=1234567890123456', 'limit=5&after=0x1'])
      assert.equal(await problem(`/api/sessions?${query}`), '400 after', query);
  });
});

describe('the token', () => {
  test('with admin.token: needed for what shows more than health and metrics', async () => {
    await using own = await startTestGateway(upstream.port, { admin: { token: 'correct horse' } });
    const given: readonly (readonly [authorization: string | undefined, status: number])[] = [
      [undefined, 401],
      ['', 401],
      ['Bearer', 401],
      ['Bearer ', 401],
      ['Bearer wrong horse', 401],
      ['Bearer correct hors', 401],
      ['Bearer correct horse1', 401],
      ['Bearer Correct horse', 401],
      ['Basic correct horse', 401],
      ['correct horse', 401],
      ['Bearer correct horse', 200],
      ['bearer correct horse', 200],
    ];
    for (const [authorization, status] of given) {
      const headers = authorization === undefined ? {} : { Authorization: authorization };
      const answer = await ask(own.adminPort, '/api/status', { headers });
      assert.equal(answer.status, status, String(authorization));
      assert.equal(answer.headers['www-authenticate'], status === 401 ? 'Bearer' : undefined);
      assert.doesNotMatch(text(answer), /horse/);
    }
    for (const path of ['/livez', '/readyz', '/metrics'])
      assert.equal((await ask(own.adminPort, path)).status, 200);
    // A good token does not open what a browser could be made to send.
    const headers = { Authorization: 'Bearer correct horse', Origin: 'https://evil.example' };
    assert.equal((await ask(own.adminPort, '/api/status', { headers })).status, 403);
  });

  test('outside of loopback without a token: 403 for the status, health and metrics are open', async () => {
    const address = { host: '0.0.0.0', port: 0 };
    await using own = await startTestGateway(upstream.port, { admin: { address } });
    const answer = await ask(own.adminPort, '/api/status');
    assert.equal(answer.status, 403);
    assert.equal(codeOf(answer), 'token_required');
    const headers = { Authorization: 'Bearer undefined' };
    assert.equal((await ask(own.adminPort, '/api/status', { headers })).status, 403);
    for (const path of ['/livez', '/readyz', '/metrics'])
      assert.equal((await ask(own.adminPort, path)).status, 200);
  });

  test('outside of loopback with a token: 401 without, 200 with it', async () => {
    const address = { host: '0.0.0.0', port: 0 };
    await using own = await startTestGateway(upstream.port, { admin: { address, token: 'secret' } });
    assert.equal((await ask(own.adminPort, '/api/status')).status, 401);
    const headers = { Authorization: 'Bearer secret' };
    assert.equal((await ask(own.adminPort, '/api/status', { headers })).status, 200);
  });
});

describe('the drain', () => {
  test('/readyz is 503 at once, /livez 200, and all answer until the last session has ended', async () => {
    await using own = await startTestGateway(upstream.port, { drain: { delayMs: 0, timeoutMs: 10_000 } });
    await using client = await RawClient.open(own.port);
    const drained = own.gateway.drain();
    for (const path of ['/readyz', '/healthz'])
      assert.equal((await ask(own.adminPort, path)).status, 503, path);
    assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'draining' });

    const ready = await ask(own.adminPort, '/readyz');
    assert.deepEqual([ready.status, text(ready)], [503, 'draining\n']);
    assert.equal((await ask(own.adminPort, '/livez')).status, 200);
    const metrics = text(await ask(own.adminPort, '/metrics'));
    assert.match(metrics, /^natsgate_ready 0$/m);
    assert.match(metrics, /^natsgate_draining 1$/m);
    assert.match(metrics, /^natsgate_connections_active\{[^}]*\} 1$/m);
    assert.equal(JSON.parse(text(await ask(own.adminPort, '/api/status'))).state, 'draining');

    client.send(closeFrame(1001));
    await drained;
    await assert.rejects(ask(own.adminPort, '/livez'), { code: 'ECONNREFUSED' });
  });

  test('a connection that idles on the port does not hold the end up', async () => {
    await using own = await startTestGateway(upstream.port);
    await using idle = await RawClient.connect(own.adminPort);
    idle.send('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.equal(await idle.status(), 200);
    await own.gateway.drain();
    await idle.until(() => idle.closed);
  });
});

test('nothing of it on the public port: 426', async () => {
  for (const path of ['/', '/metrics', '/livez', '/readyz', '/api/status']) {
    const answer = await ask(gateway.port, path, { headers: { Host: 'localhost' } });
    assert.equal(answer.status, 426, path);
    assert.equal(answer.headers.upgrade, 'websocket', path);
    assert.match(text(answer), /^not_upgrade: [^\n]*\n$/, path);
  }
});
