import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { realNatsServer } from '../support/nats.ts';
import { AT_A_TERMINAL, natsgate, Program } from '../support/program.ts';

const DATE = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
const args = (port: number, ...more: string[]): string[] => [
  '--upstream',
  `localhost:${port}`,
  '--origin',
  'https://app.example.com',
  '--listen',
  '127.0.0.1:0',
  '--admin',
  '127.0.0.1:0',
  ...more,
];

describe('the form of the log', { concurrency: 2 }, () => {
  test('text with a date at a terminal, and JSON anywhere else', async () => {
    await using terminal = new Program(args(1), { NO_COLOR: '1' }, AT_A_TERMINAL);
    await terminal.find(new RegExp(`^${DATE} info  ready listen=ws://127\\.0\\.0\\.1:\\d+ `, 'm'));
    await using pipe = new Program(args(1));
    await pipe.find(/^\{"level":"info",.*"message":"ready"\}$/m);
  });

  test('a flag or a variable says otherwise, the flag first', async () => {
    await using json = new Program(args(1, '--log-format', 'json'), {}, AT_A_TERMINAL);
    await json.find(/^\{"level":"info",.*"message":"ready"\}$/m);
    await using text = new Program(args(1), { NATSGATE_LOG_FORMAT: 'text' });
    await text.find(new RegExp(`^${DATE} info  ready `, 'm'));
    await using both = new Program(args(1, '--log-format=json'), { NATSGATE_LOG_FORMAT: 'text' });
    await both.find(/^\{"level":"info",.*"message":"ready"\}$/m);
  });

  test('colours at a terminal alone, and none with NO_COLOR or for a dumb terminal', async () => {
    const refused = args(1, '--listen', '203.0.113.1:1');
    for (const [env, flags, coloured] of [
      [{ NO_COLOR: '' }, AT_A_TERMINAL, true],
      [{ NO_COLOR: '1' }, AT_A_TERMINAL, false],
      [{ TERM: 'dumb' }, AT_A_TERMINAL, false],
      [{ NATSGATE_LOG_FORMAT: 'text' }, [], false],
    ] as const) {
      await using program = new Program(refused, env, flags);
      const { out } = await program.ended();
      assert.match(out, /could not start/);
      assert.equal(out.includes('\u001b[31merror\u001b[0m'), coloured, `${JSON.stringify(env)} ${out}`);
    }
  });

  test('a level or a form that is none: says the flag or variable, exit 1', async () => {
    const flag = await natsgate(args(1, '--log-level', 'trace'));
    assert.equal(flag.code, 1);
    assert.match(flag.err, /^--log-level: log\.level: "trace" is not known here; write one of debug, info/m);
    const variable = await natsgate(args(1), { NATSGATE_LOG_FORMAT: 'logfmt' });
    assert.equal(variable.code, 1);
    assert.match(variable.err, /^NATSGATE_LOG_FORMAT: log\.format: "logfmt" is not known here; write/m);
  });
});

test('at debug a session that begins is one line; at info there is none', async () => {
  await using server = await realNatsServer();
  for (const [level, shown] of [
    ['debug', true],
    ['info', false],
  ] as const) {
    await using gateway = new Program(args(server.port, '--log-level', level, '--log-format', 'text'));
    const [, url = ''] = await gateway.find(/ready listen=(\S+)/);
    const { code, out } = await natsgate(['probe', url, '--origin', 'https://app.example.com']);
    assert.equal(code, 0, out);
    await gateway.find(/ session ended session=1 /);
    const began = new RegExp(
      `^${DATE} debug session began session=1 client=127\\.0\\.0\\.1 origin=https://app\\.example\\.com upstream=localhost:${server.port} natsClientId=\\d+ milliseconds=\\d+$`,
      'm',
    );
    assert.equal(began.test(gateway.out), shown, gateway.out);
  }
});
