import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMANDS, type Command, OPTIONS, type Option, type OptionName } from '../../src/cli/commands.ts';
import { completion } from '../../src/cli/completion.ts';
import { findOnPath } from '../../src/dev/executables.ts';
import { LOG_LEVELS } from '../../src/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const NAMES = Object.keys(COMMANDS);

/** Each way to write the options of a command, in its order. */
const waysOf = ({ options }: Command): string[] =>
  [...options, 'help' as const, 'version' as const].flatMap((name: OptionName) => {
    const { short }: Option = OPTIONS[name];
    return short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`];
  });

/** What bash completes each line with; the cursor is after the last word. */
function completedByBash(lines: readonly (readonly string[])[]): string[] {
  const ask = (words: readonly string[]): string =>
    `COMP_WORDS=(natsgate ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _natsgate; echo "\${COMPREPLY[*]}"`;
  const input = [completion('bash'), 'COMPREPLY=()', ...lines.map(ask)].join('\n');
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '--noprofile'], {
    input,
    encoding: 'utf8',
    timeout: 300_000,
  });
  assert.deepEqual([status, stderr], [0, '']);
  return stdout.split('\n').slice(0, -1);
}

test('bash completes every command and every option of it, and nothing else', () => {
  const options = Object.values<Command>(COMMANDS).map((command) => waysOf(command).join(' '));
  const answers = completedByBash([[''], ['-'], ...NAMES.map((name) => [name, '-'])]);
  assert.deepEqual(answers, [NAMES.join(' '), waysOf(COMMANDS.serve).join(' '), ...options]);
});

test('bash completes words, values, and after "="; where a file may be, it is left to bash', () => {
  const answers = completedByBash([
    ['che'],
    ['check', '--st'],
    ['auth', ''],
    ['auth', 'try', '--tok'],
    ['completion', ''],
    ['help', 'pro'],
    ['--log-level', ''],
    ['check', '--log-level', '=', 'w'],
    ['check', '--log-level', '='],
    ['--log-format', 'j'],
    ['check', ''],
    ['check', '-c', ''],
    ['capture', 'export', ''],
  ]);
  const levels = LOG_LEVELS.join(' ');
  assert.deepEqual(answers, [
    'check',
    '--strict',
    'try',
    '--token-file',
    'bash zsh',
    'probe',
    levels,
    'warn',
    levels,
    'json',
    '',
    '',
    '',
  ]);
});

test('the script for zsh has every command, option and word, and zsh reads it', async () => {
  const script = completion('zsh');
  for (const [name, command] of Object.entries<Command>(COMMANDS)) {
    const [, line = ''] = new RegExp(`^    ${name}\\) (_arguments .*) ;;$`, 'm').exec(script) ?? [];
    for (const way of waysOf(command)) assert.match(line, new RegExp(`[',{*]${way}\\b`), `${name} ${way}`);
    for (const word of command.words ?? []) assert.match(line, new RegExp(`[( ]${word}[ )]`), name);
    assert.ok(script.includes(`'${name}:${command.summary}'`), name);
  }
  await using folder = await temporaryFolder();
  const file = join(folder.path, '_natsgate');
  await writeFile(file, script);
  for (const zsh of await findOnPath('zsh', process.env)) {
    // As a file of fpath, with functions in place of what only a terminal can do.
    const said = 'words=(natsgate check -); CURRENT=3; _arguments() { print -rl -- "$@" }; _natsgate';
    const { stdout, stderr } = spawnSync(zsh, ['-fc', `fpath=($PWD); autoload -U _natsgate; ${said}`], {
      cwd: folder.path,
      encoding: 'utf8',
      timeout: 300_000,
    });
    assert.equal(stderr, '');
    assert.ok(stdout.includes('--strict[count warnings as problems]\n'), stdout);
  }
});
