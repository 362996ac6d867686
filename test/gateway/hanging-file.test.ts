import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { FakeUpstream, INFO_LINE } from '../support/fake-upstream.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { hang } from '../support/hanging-file.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** The whole program, in which opening a pipe waits, as opening a file does where a mount hangs. */

const PRELOAD = join(import.meta.dirname, '..', 'support', 'waiting-opens.ts');
const PROGRAM = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const TOKEN = '0123456789abcdef';

// Each waits for the deadline of a read.
describe('a mount that hangs', { concurrency: true }, () => {
  test('under a file: a refused reload; sessions, probes and the end in order go on', async () => {
    await using folder = await temporaryFolder();
    const tokenFile = join(folder.path, 'token');
    await writeFile(tokenFile, TOKEN, { mode: 0o400 });
    await using upstream = await FakeUpstream.start({ echo: true });
    const admin = { address: '127.0.0.1:0', tokenFile };
    await using gateway = await GatewayProcess.start(
      upstream.port,
      { admin, drain: { delay: '0s', timeout: '1s' } },
      { preload: PRELOAD },
    );
    await using client = await RawClient.open(gateway.port);
    const ask = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`http://127.0.0.1:${gateway.adminPort}${path}`, { headers });

    const { release } = await hang(tokenFile);
    for (let round = 0; round < 6; round++) gateway.signal('SIGHUP');
    const refused = await gateway.log.find(
      (line) => line.message === 'configuration refused; the old one stays',
    );
    assert.match(
      String(refused['problems']),
      /admin\.tokenFile: the file cannot be read: nothing came within 5 s, as from a mount that hangs; look at its file system/,
    );
    for (let round = 0; round < 3; round++) {
      client.send(frame(Opcode.binary, `round ${round}`));
      await client.until(() => client.data.toString().endsWith(`round ${round}`));
      assert.equal((await ask('/livez')).status, 200);
      // Its body is compressed in a thread of the pool in which the read waits.
      const metrics = await ask('/metrics', { 'accept-encoding': 'gzip' });
      assert.match(await metrics.text(), /^natsgate_config_last_reload_success 0$/m);
    }
    assert.ok(client.data.toString().startsWith(INFO_LINE));

    // process.exit alone would wait for that thread.
    gateway.signal('SIGTERM');
    assert.deepEqual(await gateway.ended(30_000), { code: 0, signal: null });
    await release();
  });

  test('at a start: it ends with a sentence', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'natsgate.yaml');
    const { release } = await hang(file);
    const start = () =>
      spawn(process.execPath, ['--import', pathToFileURL(PRELOAD).href, PROGRAM, 'check', file], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    const waiting = start();
    const [said, [code]] = await Promise.all([text(waiting.stderr), once(waiting, 'exit')]);
    assert.equal(code, 1);
    assert.match(
      said,
      /cannot be read: nothing came within 5 s, as from a mount that hangs; look at its file system/,
    );
    await release();
  });
});
