import { type ConfigSource, loadConfig } from '../config/load.ts';
import { formatProblem, urgentWarnings } from '../config/problems.ts';
import { counted } from '../config/text.ts';
import { type Gateway, type GatewayOptions, startGateway } from '../gateway.ts';
import { createLog, type StandardOutput } from '../log.ts';

export type ServeOptions = Omit<GatewayOptions, 'log' | 'droppedLogLines' | 'timerWheel' | 'source'> & {
  readonly output: StandardOutput;
  /** For what must be said before there is a log: configuration problems. */
  readonly complain: (line: string) => void;
};

/**
 * `natsgate`: reads the configuration and starts the gateway. undefined: it could not start, and what to do was
 * said.
 */
export async function serve(source: ConfigSource, options: ServeOptions): Promise<Gateway | undefined> {
  const loaded = await loadConfig(source);
  if (!loaded.ok) {
    for (const problem of loaded.problems) options.complain(formatProblem(problem));
    for (const warning of urgentWarnings(loaded.warnings))
      options.complain(`warning: ${formatProblem(warning)}`);
    options.complain(
      `natsgate: ${counted(loaded.problems.length, 'problem')} in the configuration; not started`,
    );
    return undefined;
  }
  const log = createLog(loaded.config.log, options.output);
  try {
    const gateway = await startGateway(loaded.config, {
      ...options,
      log,
      firstDial: true,
      source: { loaded, read: () => loadConfig(source), reader: source.reader },
      droppedLogLines: () => options.output.droppedLines,
    });
    // Only now: where a start fails, they would hide why.
    for (const { where, key, text } of loaded.warnings)
      log.warn({ where, ...(key === '' ? {} : { key }) }, text);
    return gateway;
  } catch (error) {
    log.error({ error: whatToDo(error as NodeJS.ErrnoException) }, 'could not start');
    return undefined;
  }
}

function whatToDo(error: NodeJS.ErrnoException & { address?: string; port?: number }): string {
  const address = `${error.address ?? ''}:${error.port ?? ''}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return `${address} is in use by another program; stop it, or listen elsewhere (--listen, --admin)`;
    case 'EACCES':
      return `${address} may not be opened by this user; ports below 1024 need a privilege`;
    case 'EADDRNOTAVAIL':
      return `${address} is not an address of this machine; write 0.0.0.0 for all of them`;
    default:
      return error.message;
  }
}
