// Before all others: from here on signals are heard.
import './signals.ts';

import { text as readText } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { getHeapStatistics } from 'node:v8';
import { readMemory } from './cgroup.ts';
import { type Flags, isCommand, readArguments, unknownCommand } from './cli/arguments.ts';
import type { CommandName } from './cli/commands.ts';
import { helpPage } from './cli/help.ts';
import { paint } from './cli/paint.ts';
import { FileReader } from './config/files.ts';
import type { ConfigSource } from './config/load.ts';
import { duration } from './config/values.ts';
import { readDescriptorLimit } from './descriptor-limit.ts';
import type { Gateway } from './gateway.ts';
import { pageFile, version } from './package-files.ts';
import { printable } from './printable.ts';
import { type EndSignals, endAtOnce, endSignals, exitCodeOf } from './signals.ts';
import type { ProcessReading } from './snapshot.ts';

/**
 * The process edge: arguments, environment and exit codes; with signals.ts nothing else touches `process`.
 *
 * Signals: SIGHUP reloads; SIGTERM, SIGINT, SIGQUIT and SIGUSR2 drain; SIGUSR1 does nothing.
 * Exit codes: 0 done, or drained on a signal · 1 could not start, a check or probe failed · 2 wrong usage, or a replay
 * that cannot be ·
 * 70 a fault inside the gateway · 128 + signal when a second signal cut the drain short.
 *
 * A command imports what it needs when it runs: a probe and `--version` are quick, and load no gateway.
 */
const files = new FileReader();
const complain = (line: string): void =>
  void process.stderr.write(`${paint(printable(line), process.stderr)}\n`);
const say = (line: string): void => void process.stdout.write(`${paint(printable(line), process.stdout)}\n`);

async function main(args: string[]): Promise<number> {
  const parsed = readArguments(args);
  if ('problem' in parsed) return wrongUsage(parsed.problem, parsed.command);
  const { command, flags, operands } = parsed;
  const [operand] = operands;
  if (flags.help === true && command !== 'help') return help(command);
  if (flags.version === true || command === 'version') {
    say(`natsgate ${await version(files)}`);
    return 0;
  }
  switch (command) {
    case undefined:
    case 'serve':
      return runServe(flags);
    case 'check':
      return runCheck(operand, flags);
    case 'probe':
      return runProbe(operand, flags);
    case 'auth':
      return runAuth(flags);
    case 'capture':
      return runCapture(operands[1], flags);
    case 'policy':
      return runPolicy(operands, flags);
    case 'replay':
      return runReplay(operand, flags);
    case 'completion':
      return runCompletion(operand);
    case 'dev':
      return runDev(flags);
    case 'help':
      if (operand !== undefined && !isCommand(operand)) return wrongUsage(unknownCommand(operand));
      return help(operand);
  }
}

function help(command: CommandName | undefined): number {
  for (const line of helpPage(command).trimEnd().split('\n')) say(line);
  return 0;
}

function wrongUsage(what: string, command?: CommandName): number {
  complain(`natsgate: ${what}; see natsgate ${command === undefined ? '' : `${command} `}--help`);
  return 2;
}

async function runCheck(file: string | undefined, flags: Flags): Promise<number> {
  if (file !== undefined && flags.config !== undefined)
    return wrongUsage('check takes one file, FILE or --config FILE', 'check');
  const { json, quiet, strict, dial, 'allow-missing-files': allowMissingFiles } = flags;
  if (dial === true && allowMissingFiles === true)
    return wrongUsage('--dial may need a file that --allow-missing-files passes over', 'check');
  const { check } = await import('./cli/check.ts');
  const source =
    file === '-'
      ? { ...sourceOf(flags), text: await readText(process.stdin) }
      : sourceOf(file === undefined ? flags : { ...flags, config: file });
  const output = { json, quiet, strict, dial, allowMissingFiles };
  const options = { fileDescriptorLimit: await readDescriptorLimit(), readMemory, ...output };
  return check(source, { out: say, err: complain }, options);
}

async function runAuth(flags: Flags): Promise<number> {
  const { 'token-file': tokenFile, route } = flags;
  if (tokenFile === undefined) return wrongUsage('auth try wants --token-file', 'auth');
  const { authTry } = await import('./cli/auth-try.ts');
  return authTry(sourceOf(flags), { tokenFile, route }, { out: say, err: complain });
}

async function runCapture(file: string | undefined, { to }: Flags): Promise<number> {
  if (file === undefined) return wrongUsage('capture export wants a file', 'capture');
  const { captureExport } = await import('./cli/capture-export.ts');
  return captureExport({ file, to, version: await version(files) }, { out: say, err: complain });
}

async function runPolicy([word, file]: readonly string[], flags: Flags): Promise<number> {
  const { as, capture, route } = flags;
  const io = { out: say, err: complain };
  if (word === 'suggest') {
    if (file === undefined) return wrongUsage('policy suggest wants a file', 'policy');
    const { policySuggest } = await import('./cli/policy-suggest.ts');
    return policySuggest(file, files, io);
  }
  if ((file === undefined) === (capture === undefined))
    return wrongUsage('policy test wants a file of expectations, or --capture FILE', 'policy');
  const { policyTest } = await import('./cli/policy-test.ts');
  return policyTest(sourceOf(flags), { file, capture, route, as }, io);
}

async function runCompletion(shell = ''): Promise<number> {
  const { completion } = await import('./cli/completion.ts');
  process.stdout.write(completion(shell));
  return 0;
}

async function runReplay(file: string | undefined, flags: Flags): Promise<number> {
  const {
    to,
    speed,
    as,
    'nkey-file': nkeyFile,
    'token-file': tokenFile,
    user,
    'password-file': passwordFile,
    ca,
    yes = false,
    'allow-admin': allowAdmin = false,
  } = flags;
  if (file === undefined) return wrongUsage('replay wants a file', 'replay');
  if (to === undefined) return wrongUsage('replay wants --to, such as --to nats://127.0.0.1:4222', 'replay');
  const { replayFile } = await import('./cli/replay.ts');
  const logins = { creds: as, nkeyFile, tokenFile, user, passwordFile };
  const options = { file, to, speed, ...logins, ca, yes, allowAdmin };
  return replayFile(options, { out: say, err: complain }, files);
}

const sourceOf = (flags: Flags): ConfigSource => ({
  ...(flags.config === undefined ? {} : { file: flags.config }),
  flags,
  env: process.env,
  groups: [process.getegid, process.getgroups].flatMap((of) => of?.() ?? []),
  reader: files,
});

async function runProbe(operand: string | undefined, flags: Flags): Promise<number> {
  if (operand === undefined)
    return wrongUsage('probe wants a URL, for instance ws://127.0.0.1:8080', 'probe');
  const { probe, probeUrl, readAuthorities } = await import('./cli/probe.ts');
  const url = probeUrl(operand);
  if ('problem' in url) return wrongUsage(url.problem, 'probe');
  const { origin: [origin] = [], timeout = '5s', ca, 'server-name': serverName } = flags;
  const time = duration('10ms', '10m', '5s').read(timeout);
  if (!time.ok) return wrongUsage(`--timeout: ${time.what}; write ${time.write}`, 'probe');
  const authorities = ca === undefined ? undefined : await readAuthorities(ca, files);
  if (typeof authorities === 'object') return wrongUsage(authorities.problem, 'probe');
  return probe(url, { origin, timeoutMs: time.value, ca: authorities, serverName, say });
}

function readProcess(): ProcessReading {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    pid: process.pid,
    memory: { rssBytes: rss, heapUsedBytes: heapUsed, heapLimitBytes: getHeapStatistics().heap_size_limit },
    cpuSeconds: { user: user / 1e6, system: system / 1e6 },
  };
}

/** https://no-color.org: any value that is not empty. */
const wantsColour = (): boolean => !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';

async function runServe(flags: Flags): Promise<number> {
  let running: Gateway | undefined;
  const ends = endSignals(() => void running?.reload('signal'));
  const [{ serve }, { standardOutput }] = await Promise.all([import('./cli/serve.ts'), import('./log.ts')]);
  const output = standardOutput(process.stdout.fd, wantsColour());
  const starting = serve(sourceOf(flags), {
    output,
    complain,
    fileDescriptorLimit: await readDescriptorLimit(),
    readMemory,
    readProcess,
    pageFile: pageFile(files),
    version: await version(files),
    nodeVersion: process.versions.node,
  });
  const started = await Promise.race([starting, ends.first]);
  if (typeof started === 'string') {
    // Nobody is connected yet, and what is open closes with the process.
    complain(`natsgate: ended by ${started} before it was ready`);
    return 0;
  }
  if (started === undefined) {
    await output.flush(500);
    return 1;
  }
  running = started;
  const code = await untilEnded(
    ends,
    (signal) => drain(started, signal),
    () => started.stop(),
  );
  await output.flush(500);
  return code;
}

function drain(gateway: Gateway, signal: NodeJS.Signals): Promise<void> {
  // Somebody at a terminal: no balancer has to notice, and a person wonders why the end takes so long.
  const isPerson = signal === 'SIGINT';
  if (isPerson && gateway.sessionCount > 0)
    complain('natsgate: closing the sessions one after the other; press Ctrl-C again to end at once');
  return gateway.drain({ whileInUse: isPerson });
}

/** Loaded for this command alone; the container image does not have it. */
async function loadDev(): Promise<typeof import('./dev/command.ts') | undefined> {
  try {
    return await import('./dev/command.ts');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

async function runDev(flags: Flags): Promise<number> {
  const ends = endSignals();
  const command = await loadDev();
  if (command === undefined) {
    complain(
      'natsgate dev: the container image has no dev command; run it from the npm package or a checkout',
    );
    return 1;
  }
  const about = {
    readProcess,
    pageFile: pageFile(files),
    version: await version(files),
    nodeVersion: process.versions.node,
  };
  const interrupted = new AbortController();
  void ends.first.then(() => interrupted.abort());
  try {
    const running = await command.startDev({
      root: fileURLToPath(new URL('..', import.meta.url)),
      env: process.env,
      say,
      print: (text) => void process.stdout.write(text),
      colours: process.stdout.isTTY && wantsColour(),
      signal: interrupted.signal,
      lan: flags.lan === true,
      about,
    });
    return await untilEnded(
      ends,
      () => running.close(),
      async () => running.abort(),
    );
  } catch (error) {
    if (interrupted.signal.aborted) return 0;
    complain(`natsgate dev: ${(error as Error).message}`);
    return 1;
  }
}

/** The first signal ends in order, the second at once. Resolves with the exit code. */
async function untilEnded(
  { first, second }: EndSignals,
  end: (signal: NodeJS.Signals) => Promise<void>,
  stop: () => Promise<void>,
): Promise<number> {
  const signal = await first;
  // A stop also ends the drain that is under way, so the code is kept apart from which of them settles first.
  let code = 0;
  const stopped = second.then((again) => {
    code = exitCodeOf(again);
    return stop();
  });
  await Promise.race([end(signal), stopped]);
  return code;
}

/** process.exit waits for each thread, also for one that a mount keeps; when another program takes our place, nobody waits. */
function leave(code: number): never {
  if (files.busy) process.execve?.(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
  process.exit(code);
}

// A reader of our output that closes or freezes must never stop us. Looking at the streams also makes Node open
// them without blocking, so that a frozen reader blocks no thread of the log's.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

process.on('uncaughtException', (error) => {
  complain(
    JSON.stringify({ level: 'error', time: new Date().toISOString(), message: 'fault', error: error.stack }),
  );
  leave(70);
});

const running = main(process.argv.slice(2));
// Commands that end in order have taken the signals by now.
endAtOnce(leave);
const exitCode = await running;
// What was written to a pipe may still be on its way; a reader that stopped reading gets a second.
await Promise.race([
  new Promise((resolve) => process.stdout.write('', resolve)),
  new Promise((resolve) => setTimeout(resolve, 1000)),
]);
leave(exitCode);
