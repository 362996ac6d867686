import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { selfSigned } from '../config/self-signed.ts';
import { freePort } from '../support/free-port.ts';
import { realNatsServer } from '../support/nats.ts';
import { ReloadableGateway } from '../support/reloadable.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const options = { timeout: 300_000 } as const;

test(
  'health over https is asked with the certificates of upstream.tls, the newest each time',
  options,
  async () => {
    const [own, stranger] = [selfSigned(30, 'own'), selfSigned(30, 'stranger')];
    await using folder = await temporaryFolder();
    const [cert, key] = [join(folder.path, 's.crt'), join(folder.path, 's.key')];
    await writeFile(cert, own.certificate);
    await writeFile(key, own.key);
    const monitorPort = await freePort();
    const tls = `tls { cert_file: "${cert}", key_file: "${key}" }`;
    await using server = await realNatsServer({ config: `https: "127.0.0.1:${monitorPort}"\n${tls}\n` });
    const settings = {
      upstream: {
        servers: `nats://127.0.0.1:${server.port}`,
        tls: { mode: 'after-info', caFile: 'ca.crt', serverName: 'natsgate.test' },
        health: { url: `https://{host}:${monitorPort}/healthz`, interval: '100ms' },
      },
    };
    await using gateway = await ReloadableGateway.start(server.port, settings, {
      'ca.crt': stranger.certificate,
    });
    const states = (state: string) =>
      gateway.log.find((line) => line.message === 'upstream server changed' && line['state'] === state);
    const down = await states('unhealthy');
    assert.match(
      String(down['error']),
      /^health: its certificate is not signed by an authority in upstream\.tls\.caFile \(\w+\)$/,
    );
    await gateway.write(settings, { 'ca.crt': own.certificate });
    assert.deepEqual((await gateway.report(0))['changes'], {
      'upstream.tls.caFile': 'ca.crt -> ca.crt (new content)',
    });
    await states('up');
    const wrongName = { ...settings.upstream, tls: { ...settings.upstream.tls, serverName: 'other.test' } };
    await gateway.write({ upstream: wrongName }, { 'ca.crt': own.certificate });
    const named = await gateway.log.find((line) => String(line['error']).includes('not for other.test'));
    assert.match(
      String(named['error']),
      /^health: its certificate is not for other\.test; set upstream\.tls\.serverName/,
    );
  },
);
