import assert from 'node:assert/strict';
import { rename, rm, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { FileReader } from '../../src/config/files.ts';
import { loadConfig, type ValidConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { Reloader } from '../../src/config/reload.ts';
import type { ReloadReport } from '../../src/config/reload-report.ts';
import { changesBetween } from '../../src/config/settings.ts';
import { createLog } from '../../src/log.ts';
import { LogCapture, type LogLine } from '../support/gateway.ts';
import { hang, patientReader } from '../support/hanging-file.ts';
import { MountedFolder } from '../support/mounted-folder.ts';
import { selfSigned } from './self-signed.ts';
import { REQUIRED } from './support.ts';

const FILE = 'natsgate.yaml';

async function valid(folder: MountedFolder, env: Record<string, string> = {}): Promise<ValidConfig> {
  const loaded = await loadConfig({ file: folder.file(FILE), flags: {}, env });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded;
}

describe('what has changed', () => {
  const diff = async (
    before: string,
    after: string,
    env: Record<string, string> = {},
    files: Record<string, string> = {},
    filesAfter = files,
  ): Promise<string[]> => {
    await using folder = await MountedFolder.create({ ...files, [FILE]: before });
    const one = await valid(folder, env);
    await folder.swap({ ...filesAfter, [FILE]: after });
    const other = await valid(folder, env);
    return changesBetween(one.settings(), other.settings()).map(
      ({ key, from, to }) => `${key}: ${from} -> ${to}`,
    );
  };

  test('each changed key with its old and its new value, by the words of the file', async () => {
    const changes = await diff(
      `${REQUIRED}timeouts: {ping: 30s}\nlimits: {frameBytes: 2MiB}\n`,
      'origins: [https://app.example.com, https://b.example]\nupstream: nats://nats:4222\ntimeouts: {ping: 10s}\nlimits: {sessions: 5}\n',
    );
    assert.deepEqual(changes, [
      'origins.allow: [https://app.example.com] -> [https://app.example.com, https://b.example]',
      'limits.sessions: auto (default) -> 5',
      'limits.frameBytes: 2MiB -> 8MiB (default)',
      'timeouts.ping: 30s -> 10s',
    ]);
  });

  test('another way to write the same is no change; nor are comments, order and defaults', async () => {
    const after =
      '# new\ntimeouts: {ping: 25000ms, silence: 300s}\nupstream: {servers: [nats://nats]}\norigins: {allow: https://app.example.com}\n';
    assert.deepEqual(await diff(REQUIRED, after), []);
  });

  test('a short form is the value of its own key, and no other key is shown with it', async () => {
    const after = 'origins: https://app.example.com\nupstream: {servers: nats://nats:4222, order: first}\n';
    const changes = await diff('origins: https://app.example.com\nupstream: nats://nats:4222\n', after);
    assert.deepEqual(changes, ['upstream.order: random (default) -> first']);
  });

  test('a value from a variable is shown by the name of the variable', async () => {
    const after = 'origins: ["${PAGE}"]\nupstream: nats://nats:4222\n';
    const changes = await diff(REQUIRED, after, { PAGE: 'https://canary.example' });
    assert.deepEqual(changes, ['origins.allow: [https://app.example.com] -> [${PAGE}]']);
  });

  test('of a secret only that it is another one', async () => {
    const text = `${REQUIRED}admin: {tokenFile: token}\n`;
    const changes = await diff(
      text,
      text,
      {},
      { token: 'canary-0123456789abcdef' },
      { token: 'canary-fedcba9876543210' },
    );
    assert.deepEqual(changes, ['admin.tokenFile: token -> token (new content)']);
    assert.deepEqual(await diff(REQUIRED, text, {}, { token: 'canary-0123456789abcdef' }), [
      'admin.tokenFile: none -> token',
    ]);
  });

  test('a long list is told by what came and what went', async () => {
    const list = (from: number, to: number): string =>
      `upstream: nats://nats:4222\norigins:\n${Array.from({ length: to - from }, (_, index) => `  - https://page-${from + index}.example.com\n`).join('')}`;
    assert.deepEqual(await diff(list(0, 1000), list(2, 1008)), [
      'origins.allow: 1000 entries -> 1006 entries; added https://page-1000.example.com, https://page-1001.example.com, https://page-1002.example.com, https://page-1003.example.com, https://page-1004.example.com and 3 more; removed https://page-0.example.com, https://page-1.example.com',
    ]);
  });
});

/** Looks as often as a test may wait. */
const LOOKING = { lookMs: 10 };

class Fixture implements AsyncDisposable {
  readonly log = new LogCapture();
  readonly applied: Config[] = [];
  /** Called in the place of a gateway; may throw. */
  apply: (config: Config) => void | Promise<void> = () => {};
  reads = 0;
  readonly folder: MountedFolder;
  readonly reloader: Reloader;

  private constructor(folder: MountedFolder, loaded: ValidConfig, reader: FileReader, lookMs: number) {
    this.folder = folder;
    this.reloader = new Reloader({
      loaded,
      reader,
      lookMs,
      read: () => {
        this.reads++;
        return loadConfig({ file: folder.file(FILE), flags: {}, env: {}, reader });
      },
      apply: async (config) => {
        await this.apply(config);
        this.applied.push(config);
        return {};
      },
      log: createLog({ level: 'info', format: 'json' }, this.log),
    });
  }

  /** `lookMs`: how often it looks by itself; an hour is never. */
  static async create(
    text: string,
    files: Record<string, string> = {},
    { lookMs = 3_600_000, reader = new FileReader() } = {},
  ): Promise<Fixture> {
    const folder = await MountedFolder.create({ ...files, [FILE]: text });
    const fixture = new Fixture(folder, await valid(folder), reader, lookMs);
    await fixture.reloader.start();
    return fixture;
  }

  /** The report number `count`, from 1. */
  async told(count: number): Promise<LogLine> {
    await this.log.find(() => this.log.lines.length >= count);
    return this.log.lines[count - 1]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.reloader.close();
    await this.folder[Symbol.asyncDispose]();
  }
}

const keys = ({ changes, restartNeeded }: ReloadReport): string[][] => [
  changes.map(({ key }) => key),
  restartNeeded.map(({ key }) => key),
];

describe('reloading', () => {
  test('a change of the file is noticed, applied and told once; comments are told as no change', async () => {
    await using fixture = await Fixture.create(REQUIRED, {}, LOOKING);
    await fixture.folder.swap({ [FILE]: `${REQUIRED}timeouts: {ping: 10s}\n` });
    const line = await fixture.log.find(({ message }) => message === 'configuration reloaded');
    assert.deepEqual(line['changes'], { 'timeouts.ping': '25s (default) -> 10s' });
    assert.equal(line['trigger'], 'files');
    assert.equal(fixture.applied.at(-1)?.timeouts.pingMs, 10_000);

    await fixture.folder.swap({ [FILE]: `# comment\n${REQUIRED}timeouts: {ping: 10s}\n` });
    await fixture.log.find(({ message }) => message === 'configuration unchanged');
    assert.equal(fixture.applied.length, 1);
    assert.equal(fixture.log.lines.length, 2);
  });

  test('the same content at another place is no change', async () => {
    await using fixture = await Fixture.create(REQUIRED, {}, LOOKING);
    for (let round = 0; round < 5; round++) await fixture.folder.swap({ [FILE]: REQUIRED });
    await fixture.folder.swap({ [FILE]: `${REQUIRED}timeouts: {ping: 10s}\n` });
    await fixture.log.find(({ message }) => message === 'configuration reloaded');
    assert.equal(fixture.reads, 1);
  });

  test('what changed between the first reading and the start is noticed', async () => {
    await using folder = await MountedFolder.create({ [FILE]: REQUIRED });
    const loaded = await valid(folder);
    await folder.swap({ [FILE]: `${REQUIRED}timeouts: {ping: 10s}\n` });
    const log = new LogCapture();
    const reloader = new Reloader({
      loaded,
      read: () => loadConfig({ file: folder.file(FILE), flags: {}, env: {} }),
      apply: async () => ({}),
      log: createLog({ level: 'info', format: 'json' }, log),
    });
    await reloader.start();
    assert.deepEqual(
      log.lines.map(({ message }) => message),
      ['configuration reloaded'],
    );
    reloader.close();
  });

  test('a broken file: refused, with the lines of check, told once; the right one is applied afterwards', async () => {
    await using fixture = await Fixture.create(REQUIRED, {}, LOOKING);
    await fixture.folder.swap({ [FILE]: `${REQUIRED}timeouts: {pin: 10s}\nlimits: {sessions: many}\n` });
    const line = await fixture.log.find(
      ({ message }) => message === 'configuration refused; the old one stays',
    );
    const file = fixture.folder.file(FILE);
    const checked = await loadConfig({ file, flags: {}, env: {} });
    assert.deepEqual(line['problems'], checked.ok ? [] : checked.problems.map(formatProblem));
    assert.match(
      String(line['problems']),
      /natsgate\.yaml:3:12: timeouts\.pin: .*,.*yaml:4:20: limits\.sessions: /,
    );
    assert.deepEqual([fixture.applied.length, fixture.reloader.last?.outcome], [0, 'refused']);
    await fixture.folder.swap({ [FILE]: `${REQUIRED}timeouts: {ping: 10s}\n` });
    await fixture.log.find(({ message }) => message === 'configuration reloaded');
    assert.deepEqual(fixture.reloader.outcomes, { applied: 1, unchanged: 0, restart_needed: 0, refused: 1 });
    assert.notEqual(fixture.reloader.last?.outcome, 'refused');
  });

  test('what cannot be applied is refused whole, and is no change to what runs', async () => {
    await using fixture = await Fixture.create(REQUIRED);
    fixture.apply = () => {
      throw new Error('limits.sessions: too many; write fewer');
    };
    await fixture.folder.swap({ [FILE]: `${REQUIRED}limits: {sessions: 999999}\n` });
    const refused = await fixture.reloader.reload('api');
    assert.deepEqual(refused.problems, ['limits.sessions: too many; write fewer']);
    assert.deepEqual([refused.outcome, refused.changes], ['refused', []]);
    fixture.apply = () => {};
    const again = await fixture.reloader.reload('api');
    assert.deepEqual([again.outcome, keys(again)[0]], ['applied', ['limits.sessions']]);
  });

  test('addresses need a restart: named until they are what runs, while the rest is applied', async () => {
    await using fixture = await Fixture.create(REQUIRED);
    const moved = `${REQUIRED}listen: 0.0.0.0:9090\nadmin: 127.0.0.1:9091\n`;
    await fixture.folder.swap({ [FILE]: `${moved}timeouts: {ping: 10s}\n` });
    const report = await fixture.reloader.reload('api');
    assert.equal(report.outcome, 'restart_needed');
    assert.deepEqual(keys(report), [['timeouts.ping'], ['listen.address', 'admin.address']]);
    const config = fixture.applied.at(-1);
    assert.deepEqual([config?.listen.address.port, config?.timeouts.pingMs], [8080, 10_000]);
    // Still so, though nothing is new.
    const again = await fixture.reloader.reload('api');
    assert.deepEqual(
      [again.outcome, ...keys(again)],
      ['restart_needed', [], ['listen.address', 'admin.address']],
    );
    await fixture.folder.swap({ [FILE]: `${REQUIRED}timeouts: {ping: 10s}\n` });
    assert.equal((await fixture.reloader.reload('api')).outcome, 'unchanged');
    assert.equal(fixture.applied.length, 1);
  });

  test('switching TLS, or client certificates, on or off needs a restart; the certificate alone does not', async () => {
    const pair = (days: number): Record<string, string> => {
      const { certificate, key } = selfSigned(days);
      return { 'tls.crt': certificate, 'tls.key': key };
    };
    const files = pair(10);
    const tls = `${REQUIRED}listen: {tls: {certFile: tls.crt, keyFile: tls.key}}\n`;
    await using plain = await Fixture.create(REQUIRED);
    await plain.folder.swap({ ...files, [FILE]: tls });
    const toTls = await plain.reloader.reload('api');
    // The files are links that Kubernetes makes only at the start; here they are missing.
    assert.equal(toTls.outcome, 'refused');

    await using fixture = await Fixture.create(tls, files);
    const fresh = pair(20);
    await fixture.folder.swap({ ...fresh, [FILE]: tls });
    const renewed = await fixture.reloader.reload('api');
    assert.deepEqual(keys(renewed), [['listen.tls.certFile', 'listen.tls.keyFile'], []]);
    const before = fixture.applied.at(-1);
    const asking = tls.replace('}}', ', clientCaFile: tls.crt}}');
    await fixture.folder.swap({ ...fresh, [FILE]: asking });
    assert.deepEqual(keys(await fixture.reloader.reload('api')), [[], ['listen.tls.clientCaFile']]);
    await fixture.folder.swap({ ...fresh, [FILE]: `${REQUIRED}timeouts: {ping: 10s}\n` });
    const off = await fixture.reloader.reload('api');
    assert.deepEqual(keys(off)[0], ['timeouts.ping']);
    assert.ok(keys(off)[1]?.includes('listen.tls.certFile'));
    // The very same object: the gateway leaves the certificate alone.
    assert.equal(fixture.applied.at(-1)?.listen.tls, before?.listen.tls);
  });

  test('certificates are renewed while the configuration is broken, and only then fitting ones', async () => {
    const { certificate, key } = selfSigned(10);
    const tls = `${REQUIRED}listen: {tls: {certFile: tls.crt, keyFile: tls.key}}\n`;
    await using fixture = await Fixture.create(tls, { 'tls.crt': certificate, 'tls.key': key });
    const broken = `${tls}nonsense: 1\n`;
    for (const text of [broken, `${tls}  : {`]) {
      const fresh = selfSigned(20);
      await fixture.folder.swap({ 'tls.crt': fresh.certificate, 'tls.key': fresh.key, [FILE]: text });
      const report = await fixture.reloader.reload('api');
      assert.equal(report.outcome, 'refused');
      assert.deepEqual(keys(report)[0], ['listen.tls.certFile', 'listen.tls.keyFile']);
      // Known now, so nothing more happens by itself.
      const reads = fixture.reads;
      const again = await fixture.reloader.reload('api');
      assert.deepEqual([again.outcome, keys(again)[0], fixture.reads], ['refused', [], reads + 1]);
    }
    assert.equal(fixture.applied.length, 2);
    fixture.apply = () => {
      throw new Error('no pair');
    };
    const half = selfSigned(30);
    await fixture.folder.swap({ 'tls.crt': half.certificate, 'tls.key': key, [FILE]: broken });
    assert.deepEqual(keys(await fixture.reloader.reload('api'))[0], []);
  });

  test('files that are swapped while they are read are read again before anything is refused', async () => {
    await using fixture = await Fixture.create(REQUIRED);
    let tries = 0;
    fixture.apply = async () => {
      tries++;
      if (tries > 1) return;
      await fixture.folder.swap({ [FILE]: `${REQUIRED}timeouts: {ping: 11s}\n` });
      throw new Error('half of the old and half of the new');
    };
    await fixture.folder.swap({ [FILE]: `${REQUIRED}timeouts: {ping: 10s}\n` });
    const report = await fixture.reloader.reload('api');
    assert.deepEqual([report.outcome, report.changes[0]?.to, tries], ['applied', '11s', 2]);
  });

  test('a storm of requests: one after the other, and those that wait share one; the last content runs', async () => {
    await using fixture = await Fixture.create(REQUIRED);
    let inside = 0;
    fixture.apply = async () => {
      assert.equal(++inside, 1);
      await new Promise(setImmediate);
      inside--;
    };
    const reports: Promise<ReloadReport>[] = [];
    for (let round = 1; round <= 20; round++) {
      await fixture.folder.swap({ [FILE]: `${REQUIRED}timeouts: {ping: ${round}s}\n` });
      for (let n = 0; n < 10; n++) reports.push(fixture.reloader.reload('signal'));
    }
    await Promise.all(reports);
    assert.equal(fixture.applied.at(-1)?.timeouts.pingMs, 20_000);
    assert.ok(fixture.reads <= 45, `${fixture.reads} reads for 200 signals`);
  });

  test('once closed, a change of a file is nobody’s business', async () => {
    await using fixture = await Fixture.create(REQUIRED, {}, LOOKING);
    await using other = await Fixture.create(REQUIRED, {}, LOOKING);
    fixture.reloader.close();
    for (const { folder } of [fixture, other])
      await folder.swap({ [FILE]: `${REQUIRED}timeouts: {ping: 10s}\n` });
    // Whoever still looks has seen it by now.
    await other.told(1);
    assert.deepEqual([fixture.reads, fixture.log.lines.length], [0, 0]);
  });

  test('whatever way a file is changed: swapped, written in place, replaced, taken away and back', async () => {
    await using fixture = await Fixture.create(REQUIRED, {}, LOOKING);
    const { folder } = fixture;
    const file = folder.file(FILE);
    const text = (seconds: number): string => `${REQUIRED}timeouts: {ping: ${seconds}s}\n`;
    const changes: [() => Promise<unknown>, message: string][] = [
      [() => folder.swap({ [FILE]: text(2) }), 'configuration reloaded'],
      [() => folder.swap({ [FILE]: text(3) }), 'configuration reloaded'],
      [() => rm(file).then(() => writeFile(file, text(4))), 'configuration reloaded'],
      [() => writeFile(file, text(5)), 'configuration reloaded'],
      [() => writeFile(`${file}~`, text(6)).then(() => rename(`${file}~`, file)), 'configuration reloaded'],
      [() => rm(file), 'configuration refused; the old one stays'],
      [() => writeFile(file, text(6)), 'configuration unchanged'],
    ];
    for (const [index, [change, message]] of changes.entries()) {
      await change();
      assert.equal((await fixture.told(index + 1)).message, message);
    }
    assert.equal(fixture.applied.at(-1)?.timeouts.pingMs, 6000);
  });
});

describe('a file that hangs', () => {
  const TOKEN = `${REQUIRED}admin: {tokenFile: token}\n`;
  const token = { token: 'canary-0123456789abcdef' };
  const LATE =
    /admin\.tokenFile: the file cannot be read: nothing came within 0\.05 s, as from a mount that hangs; look at/;

  /** With the token in a file of its own, so that a pipe can take its place. */
  async function started(lookMs: number) {
    const fixture = await Fixture.create(TOKEN, token, { lookMs, reader: patientReader(50) });
    const file = fixture.folder.file('token');
    await rm(file);
    await writeFile(file, token.token, { mode: 0o400 });
    const hanging = await hang(file);
    const release = async (): Promise<void> => {
      // The thread that waits is let go, and what follows finds the file.
      await rename(file, `${file}.old`);
      await writeFile(file, token.token, { mode: 0o400 });
      await rename(`${file}.old`, `${file}~`);
      await hanging.release(`${file}~`);
    };
    return { fixture, release };
  }

  test('costs a refused reload with a sentence, and the next one not even the wait', async () => {
    const { fixture, release } = await started(3_600_000);
    await using _ = fixture;
    const first = await fixture.reloader.reload('api');
    assert.equal(first.outcome, 'refused');
    assert.match(first.problems.join('\n'), LATE);
    const { reads } = fixture;
    const second = await fixture.reloader.reload('api');
    assert.deepEqual([second.outcome, fixture.reads], ['refused', reads]);
    assert.match(second.problems.join('\n'), LATE);
    assert.equal(fixture.reloader.last?.outcome, 'refused');
    await release();
  });

  test('is told once, and when it comes all is read again', async () => {
    const { fixture, release } = await started(10);
    await using _ = fixture;
    const line = await fixture.told(1);
    assert.equal(line.message, 'configuration refused; the old one stays');
    assert.match(String(line['problems']), LATE);
    await release();
    assert.equal((await fixture.told(2)).message, 'configuration unchanged');
    assert.notEqual(fixture.reloader.last?.outcome, 'refused');
    assert.equal(fixture.applied.length, 0);
  });
});
