import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { test } from 'node:test';
import { createLog, foreignText, LineLimiter } from '../src/log.ts';

test('a line is one JSON object with level word, ISO time and message', () => {
  const lines: string[] = [];
  createLog({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) }).info({ a: 1 }, 'hello');
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.deepEqual({ ...line, time: '' }, { level: 'info', time: '', a: 1, message: 'hello' });
  assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

const DATE = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

function textOf(fields: Record<string, unknown>, message: string): string {
  const lines: string[] = [];
  createLog({ level: 'debug', format: 'text' }, { write: (line) => lines.push(line) }).warn(fields, message);
  assert.equal(lines.length, 1);
  const [, rest] = new RegExp(`^${DATE} warn  (.*)\n$`).exec(String(lines[0])) ?? [];
  assert.ok(rest !== undefined, String(lines[0]));
  return rest;
}

test('levels below the configured one are silent', () => {
  const lines: string[] = [];
  const log = createLog({ level: 'warn', format: 'text' }, { write: (line) => lines.push(line) });
  log.info({}, 'quiet');
  assert.deepEqual(lines, []);
});

test('text has the whole date, and values with blanks in quotes', () => {
  assert.equal(
    textOf({ reason: 'slow_consumer', bytes: 3 }, 'session ended'),
    'session ended reason=slow_consumer bytes=3',
  );
  assert.equal(
    textOf({ hint: 'This Origin is not allowed.', found: 'PUB ....', none: '', said: 'a="b"' }, 'x'),
    'x hint="This Origin is not allowed." found="PUB ...." none="" said="a=\\"b\\""',
  );
});

test('text shows lists of words as one value, and what is nested as a pair for each value', () => {
  assert.equal(textOf({ upstream: ['a:1', 'b:2'], none: [] }, 'ready'), 'ready upstream=a:1,b:2 none=""');
  assert.equal(
    textOf({ changes: { origins: '[a] -> [b]' }, problems: ['f:1: bad; write x', 'y'] }, 'm'),
    'm changes.origins="[a] -> [b]" problems[0]="f:1: bad; write x" problems[1]=y',
  );
});

test('text ends no line early and moves no cursor, colours or not', () => {
  for (const terminal of [undefined, { colour: false }, { colour: true }]) {
    const lines: string[] = [];
    const log = createLog({ level: 'info', format: 'text' }, { write: (line) => lines.push(line), terminal });
    log.error({ stack: 'a\n  b\u001b[2J\u202e', 'na\u001bme': 1 }, 'fa\u0007ult');
    const [line = ''] = lines;
    const bare = terminal?.colour ? line.replace('\u001b[31merror\u001b[0m', 'error') : line;
    assert.match(
      bare,
      new RegExp(
        `^${DATE} error fa\\\\u\\{7\\}ult stack="a\\\\n  b\\\\u001b\\[2J\\\\u\\{202e\\}" na\\\\u\\{1b\\}me=1\n$`,
      ),
    );
  }
});

test('auto is text at a terminal and JSON elsewhere, also from a reload on', () => {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const terminal = createLog({ level: 'info', format: 'auto' }, { write, terminal: { colour: false } });
  const pipe = createLog({ level: 'info', format: 'auto' }, { write });
  terminal.info('a');
  pipe.info('b');
  terminal.configure({ level: 'info', format: 'json' });
  terminal.info('c');
  terminal.configure({ level: 'info', format: 'auto' });
  terminal.info('d');
  assert.deepEqual(
    lines.map((line) => line.startsWith('{')),
    [false, true, true, false],
  );
});

test('foreign text loses line breaks, escapes, look-alikes and length', () => {
  assert.equal(foreignText('https://app.example.com'), 'https://app.example.com');
  assert.equal(foreignText('a\nb\u001b[31m\u2028é'), 'a\\u{a}b\\u{1b}[31m\\u{2028}\\u{e9}');
  assert.equal(foreignText('x'.repeat(500)).length, 129);
});

test('ten lines a second for each key, the rest is counted on the next one', () => {
  const limiter = new LineLimiter(10);
  const first = Array.from({ length: 25 }, () => limiter.pass('a', 500));
  assert.deepEqual(first, [
    ...Array.from({ length: 10 }, () => 0),
    ...Array.from({ length: 15 }, () => undefined),
  ]);
  assert.equal(limiter.pass('b', 500), 0);
  assert.equal(limiter.pass('a', 1200), 15);
  assert.equal(limiter.pass('a', 1300), 0);
});

const CHILD = `
  import { createLog, standardOutput } from ${JSON.stringify(new URL('../src/log.ts', import.meta.url).href)};
  process.stdout.on('error', () => {});
  const output = standardOutput(process.stdout.fd);
  const log = createLog({ level: 'info', format: 'json' }, output);
  const before = process.memoryUsage().rss;
  const text = 'x'.repeat(1000);
  for (let round = 0; round < 50; round++) {
    for (let line = 0; line < 1000; line++) log.info({ text }, 'flood');
    await new Promise(setImmediate);
  }
  await output.flush(200);
  process.stderr.write(JSON.stringify({ dropped: output.droppedLines, grown: process.memoryUsage().rss - before }));
  process.exit(0);
`;

for (const [name, treat] of [
  [
    'a reader that is gone (EPIPE)',
    (stdout: NodeJS.ReadableStream & { destroy(): void }) => stdout.destroy(),
  ],
  ['a reader that is frozen', (stdout: NodeJS.ReadableStream) => stdout.pause()],
] as const) {
  test(`50 MB of lines to ${name}: the process lives, drops, counts, and does not grow`, async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', CHILD], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    treat(child.stdout);
    let report = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      report += text;
    });
    const [code] = (await once(child, 'exit', { signal: AbortSignal.timeout(180_000) })) as [number];
    assert.equal(code, 0, report);
    const { dropped, grown } = JSON.parse(report) as { dropped: number; grown: number };
    assert.ok(dropped > 10_000, `${dropped} lines dropped`);
    assert.ok(grown < 48 * 1024 * 1024, `${grown} bytes more`);
  });
}

test('50 MB of lines to a full disk: the process lives, drops and counts', {
  skip: !existsSync('/dev/full') && 'no /dev/full here',
}, async () => {
  await using full = await open('/dev/full', 'w');
  const child = spawn(process.execPath, ['--input-type=module', '-e', CHILD], {
    stdio: ['ignore', full.fd, 'pipe'],
  });
  let report = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    report += text;
  });
  const [code] = (await once(child, 'exit', { signal: AbortSignal.timeout(180_000) })) as [number];
  assert.equal(code, 0, report);
  const { dropped, grown } = JSON.parse(report) as { dropped: number; grown: number };
  assert.ok(dropped > 10_000, `${dropped} lines dropped`);
  assert.ok(grown < 48 * 1024 * 1024, `${grown} bytes more`);
});

test('ends of sessions push neither a warning nor an action of the API out of the last lines', () => {
  const log = createLog({ level: 'info', format: 'json' }, { write: () => {} });
  log.warn({}, 'certificate expires');
  log.info({ client: '127.0.0.1' }, 'capture started by the API');
  log.info({ hint: 'by the API"}\n' }, 'session ended');
  for (let number = 1; number <= 600; number++) log.info({ number }, 'session ended');
  assert.deepEqual(
    [...log.recent.after(0)].slice(0, 3).map(({ number }) => number),
    [1, 2, 104],
  );
  for (let number = 1; number <= 700; number++) log.warn({ number }, 'session ended');
  const kept = [...log.recent.after(0)];
  assert.deepEqual([kept[0]?.number, kept.length], [2, 601]);
});

test('the last printed lines are kept, as many as may and of a bounded size', () => {
  const log = createLog({ level: 'info', format: 'text' }, { write: () => {} });
  log.debug({}, 'not printed');
  assert.deepEqual([...log.recent.after(0)], []);
  for (let number = 1; number <= 600; number++) log.info({ number }, 'small');
  const kept = [...log.recent.after(0)];
  assert.deepEqual(
    [kept.length, kept[0]?.number, kept.at(-1)?.number, log.recent.last],
    [500, 101, 600, 600],
  );
  assert.equal((JSON.parse(kept[0]?.line ?? '') as { number: number }).number, 101);
  assert.deepEqual(
    [...log.recent.after(598)].map(({ number }) => number),
    [599, 600],
  );
  const text = 'x'.repeat(100_000);
  for (let number = 1; number <= 5; number++) log.info({ text }, 'large');
  assert.deepEqual(
    [...log.recent.after(0)].map(({ number }) => number),
    [604, 605],
  );
});
