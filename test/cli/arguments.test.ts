import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readArguments } from '../../src/cli/arguments.ts';
import { COMMANDS, type CommandName } from '../../src/cli/commands.ts';
import { helpPage } from '../../src/cli/help.ts';

describe('arguments', () => {
  test('commands, options and their letters', () => {
    assert.deepEqual(readArguments([]), { command: undefined, flags: {}, operands: [] });
    const { flags, command, operands } = readArguments([
      'check',
      'a.yaml',
      '--origin=x',
      '--origin',
      'y',
      '--quiet',
    ]) as Extract<ReturnType<typeof readArguments>, { flags: unknown }>;
    assert.deepEqual([command, operands, flags], ['check', ['a.yaml'], { origin: ['x', 'y'], quiet: true }]);
    for (const [args, name] of [
      [['-c', 'f'], 'config'],
      [['-cf'], 'config'],
      [['-v'], 'version'],
      [['-V'], 'version'],
      [['-h'], 'help'],
    ] as const) {
      const read = readArguments(args);
      assert.ok('flags' in read, JSON.stringify(read));
      assert.ok(name in read.flags, name);
    }
  });

  for (const [args, problem, command] of [
    [['chekc'], 'unknown command "chekc" (did you mean check?)'],
    [['validate'], 'unknown command "validate" (did you mean check?)'],
    [['run'], 'unknown command "run" (did you mean serve?)'],
    [['Start'], 'unknown command "Start" (did you mean serve?)'],
    [['toString'], 'unknown command "toString"'],
    [['xyzzy'], 'unknown command "xyzzy"'],
    [['a.yaml'], 'unknown command "a.yaml" (a file is written --config "a.yaml")'],
    [['serve', 'a.yaml'], 'unexpected argument "a.yaml" (a file is written --config "a.yaml")', 'serve'],
    [['serve', 'x'], 'unexpected argument "x"', 'serve'],
    [['--upstraem', 'x'], 'unknown option "--upstraem" (did you mean --upstream?)'],
    [['-config', 'x'], 'unknown option "-config" (did you mean --config?)'],
    [['-config=x'], 'unknown option "-config" (did you mean --config?)'],
    [['--tls=SECRET'], 'unknown option "--tls"'],
    [['--toString'], 'unknown option "--toString"'],
    [['--a\u009b\u202e\n'], 'unknown option "--a\\u{9b}\\u{202e}\\u{a}"'],
    [['check', '--config'], '--config wants a value'],
    [['check', '--config='], '--config wants a value'],
    [
      ['check', 'a.yaml', 'b.yaml'],
      'unexpected argument "b.yaml" (a file is written --config "b.yaml")',
      'check',
    ],
    [['check', '--timeout', '5s'], 'check takes no --timeout', 'check'],
    [['auth'], 'auth wants try after it', 'auth'],
    [['capture', 'a.ndjson'], 'capture wants export after it, not "a.ndjson"', 'capture'],
    [['completion', 'fish'], 'completion wants bash or zsh after it, not "fish"', 'completion'],
    [['--json'], 'serve takes no --json', 'serve'],
    [['dev', '--listen', ':1'], 'dev takes no --listen', 'dev'],
    [
      ['--config', '--listen', '1'],
      '--config wants a value; one that begins with a dash is written --config=VALUE',
    ],
    [['--version=1'], '--version takes no value'],
  ] as readonly (readonly [readonly string[], string, CommandName?])[]) {
    test(`natsgate ${args.join(' ')}`, () => {
      assert.deepEqual(readArguments(args), { problem, ...(command === undefined ? {} : { command }) });
    });
  }
});

describe('help', () => {
  test('the page of the program shows every command and the options of serve', () => {
    const page = helpPage();
    for (const { usage } of Object.values(COMMANDS)) assert.ok(page.includes(usage), usage);
    for (const option of COMMANDS.serve.options) assert.ok(page.includes(`--${option}`), option);
  });

  for (const [command, { usage, options, examples, exitCodes }] of Object.entries(COMMANDS)) {
    test(`${command} has a page with its options, examples and exit codes`, () => {
      const page = helpPage(command as CommandName);
      assert.ok(page.startsWith(usage), page);
      for (const option of options) assert.ok(page.includes(`--${option}`), option);
      for (const example of examples) assert.ok(page.includes(example), example);
      for (const [code, meaning] of exitCodes) assert.match(page, new RegExp(`^  ${code} +${meaning}`, 'm'));
      for (const line of page.split('\n')) assert.ok(line.length <= 110, line);
    });
  }
});
