import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { COMMANDS, didYouMean, type Flags, readArguments } from './cli/arguments.ts';
import { check } from './cli/check.ts';
import { dev } from './cli/dev.ts';
import { probe } from './cli/probe.ts';
import { serve } from './cli/serve.ts';
import { type ConfigSource, loadConfig } from './config/load.ts';
import { quote } from './config/text.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { asText, createLog, standardOutput } from './log.ts';
import { printable } from './printable.ts';

/**
 * The process edge: arguments, environment, signals and exit codes. Nothing else touches `process`.
 *
 * Signals: SIGHUP reloads, SIGTERM and SIGINT drain.
 * Exit codes: 0 done, or drained on a signal · 1 could not start, a check or probe failed · 2 wrong usage ·
 * 70 a fault inside the gateway · 128 + signal when a second signal cut the drain short.
 */
const USAGE = `natsgate: the WebSocket edge of NATS

  natsgate [options]              run the gateway
  natsgate check [options]        validate the configuration, say what to mend, exit 0 or 1
  natsgate probe URL [options]    open a session like a client, wait for INFO and PONG, exit 0 or 1
  natsgate dev                    a private nats-server, the gateway and a demo page on this machine

Options
  --config FILE      configuration file (YAML); also NATSGATE_CONFIG
  --upstream URL     nats://host:port, repeatable; also NATSGATE_UPSTREAM
  --origin ORIGIN    an allowed browser origin, repeatable; also NATSGATE_ORIGINS
  --listen ADDRESS   public address, default 0.0.0.0:8080; also NATSGATE_LISTEN
  --admin ADDRESS    private address, default 127.0.0.1:8081; also NATSGATE_ADMIN
  --drain-budget TIME  the most that drain.delay and drain.timeout may take together; also NATSGATE_DRAIN_BUDGET
  --timeout SECONDS  for probe: how long all of it may take, default 5
  --version          print the version
  --help             print this

Without a file, two options are enough:
  natsgate --upstream nats://127.0.0.1:4222 --origin https://app.example.com

Signals: SIGHUP reads the configuration again; SIGTERM and SIGINT drain.
Configuration keys: docs/configuration.md. Close reasons: docs/close-reasons.md.
`;

const complain = (line: string): void => void process.stderr.write(`${printable(line)}\n`);
const say = (line: string): void => void process.stdout.write(`${printable(line)}\n`);

async function main(args: string[]): Promise<number> {
  const parsed = readArguments(args);
  if ('problem' in parsed) return wrongUsage(parsed.problem);
  const { flags, positionals } = parsed;
  const [command = 'serve', ...rest] = positionals;
  if (flags.help === true || command === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (flags.version === true) {
    say(`natsgate ${version()}`);
    return 0;
  }
  switch (command) {
    case 'serve':
      return rest.length === 0 ? runServe(flags) : wrongUsage(`unexpected argument ${quote(rest[0] ?? '')}`);
    case 'check':
      if (rest.length > 0)
        return wrongUsage(`check takes a file by --config FILE, not ${quote(rest[0] ?? '')}`);
      return check(sourceOf(flags), { out: say, err: complain }, fileDescriptorLimit());
    case 'probe':
      return runProbe(rest, flags);
    case 'dev':
      if (rest.length > 0 || Object.keys(flags).length > 0) return wrongUsage('dev takes no options');
      return runDev();
    default:
      return wrongUsage(`unknown command ${quote(command)}${didYouMean(command, COMMANDS)}`);
  }
}

function wrongUsage(what: string): number {
  complain(`natsgate: ${what}; see natsgate --help`);
  return 2;
}

function sourceOf(flags: Flags): ConfigSource {
  const { config, upstream, origin, listen, admin, 'drain-budget': drainBudget } = flags;
  return {
    ...(config === undefined ? {} : { file: config }),
    flags: {
      ...(upstream === undefined ? {} : { upstream }),
      ...(origin === undefined ? {} : { origin }),
      ...(listen === undefined ? {} : { listen }),
      ...(admin === undefined ? {} : { admin }),
      ...(drainBudget === undefined ? {} : { 'drain-budget': drainBudget }),
    },
    env: process.env,
    groups: [process.getegid, process.getgroups].flatMap((of) => of?.() ?? []),
  };
}

async function runProbe([url, ...more]: string[], flags: Flags): Promise<number> {
  if (url === undefined || more.length > 0)
    return wrongUsage('probe wants one URL, for instance ws://127.0.0.1:8080');
  const seconds = Number(flags.timeout ?? '5');
  if (!(seconds > 0 && seconds <= 600)) return wrongUsage('--timeout wants seconds, for instance 5');
  return probe(url, { origin: flags.origin?.[0], timeoutMs: seconds * 1000, say });
}

async function runServe(flags: Flags): Promise<number> {
  const output = standardOutput(process.stdout.fd);
  let running: Gateway | undefined;
  // Before the start, too: by default this signal would end the process.
  process.on('SIGHUP', () => void running?.reload('signal'));
  const gateway = await serve(sourceOf(flags), {
    read: loadConfig,
    output,
    complain,
    fileDescriptorLimit: fileDescriptorLimit(),
    version: version(),
    nodeVersion: process.versions.node,
  });
  if (gateway === undefined) {
    await output.flush(500);
    return 1;
  }
  running = gateway;
  const code = await untilSignalled(
    () => gateway.drain(),
    () => gateway.stop(),
  );
  await output.flush(500);
  return code;
}

async function runDev(): Promise<number> {
  const root = fileURLToPath(new URL('..', import.meta.url));
  try {
    const running = await dev({
      root,
      env: process.env,
      say,
      startGateway: async (config, onLogLine) => {
        const write = (line: string): void => {
          process.stdout.write(asText(line));
          onLogLine(line);
        };
        const log = createLog(config.log, { write });
        const gateway = await startGateway(config, {
          log,
          version: version(),
          nodeVersion: process.versions.node,
        });
        return {
          port: gateway.address.port,
          adminPort: gateway.adminAddress.port,
          close: () => gateway.stop(),
        };
      },
    });
    return await untilSignalled(
      () => running.close(),
      async () => running.abort(),
    );
  } catch (error) {
    complain(`natsgate dev: ${(error as Error).message}`);
    return 1;
  }
}

/** The first SIGTERM or SIGINT drains, the second stops at once. Resolves with the exit code. */
async function untilSignalled(drain: () => Promise<void>, stop: () => Promise<void>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  // A stop also ends the drain that is under way, so the code is kept apart from which of them settles first.
  let code = 0;
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals++;
    if (signals === 2) code = 128 + (signal === 'SIGINT' ? 2 : 15);
    (signals === 1 ? drain() : stop()).then(() => resolve(code), reject);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return promise;
}

/** How many descriptors the kernel lets this process open; Node has raised the soft limit to the hard one. */
function fileDescriptorLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    // Not Linux: the cap is then the configured one.
    return undefined;
  }
}

/** From package.json, which lies one folder above both `src/` and `dist/`. */
function version(): string {
  const file = fileURLToPath(new URL('../package.json', import.meta.url));
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

// A reader of our output that closes or freezes must never stop us. Looking at the streams also makes Node open
// them without blocking, so that a frozen reader blocks no thread of the log's.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

process.on('uncaughtException', (error) => {
  complain(
    JSON.stringify({ level: 'error', time: new Date().toISOString(), message: 'fault', error: error.stack }),
  );
  process.exit(70);
});

const exitCode = await main(process.argv.slice(2));
// What was written to a pipe may still be on its way; a reader that stopped reading gets a second.
await Promise.race([
  new Promise((resolve) => process.stdout.write('', resolve)),
  new Promise((resolve) => setTimeout(resolve, 1000)),
]);
process.exit(exitCode);
