import { parseSafely } from '../../auth/safe-json.ts';
import { LOG_LEVELS, type Log, type LogConfig } from '../../log.ts';
import { json, refuse } from '../../private-http/answer.ts';
import type { Exchange, Routes } from '../../private-http/exchange.ts';

export type LogSource = {
  readonly log: Log;
  /** As configured, whatever was set here. */
  readonly logConfig: LogConfig;
};

type Level = LogConfig['level'];

export type Levels = { readonly level: Level; readonly configured: Level };
/** `last`: the number of the newest line. A line is as the log has it in JSON. */
export type LogLines = {
  readonly last: number;
  readonly lines: readonly { readonly number: number; readonly line: Readonly<Record<string, unknown>> }[];
};

/**
 * /api/log: the level of the log, which can be another one until the next reload that is applied. /api/log/lines: its
 * last lines.
 */
export function addLog(routes: Routes, source: LogSource): void {
  const levels = (): Levels => ({ level: source.log.level as Level, configured: source.logConfig.level });
  routes.get('/api/log', (exchange) => json(exchange, levels()));
  routes.put('/api/log', async (exchange) => {
    const level = levelIn(await exchange.req.text());
    if (level === undefined) {
      const hint = `send {"level": "debug"}; the levels are ${LOG_LEVELS.join(', ')}.`;
      return refuse(exchange, 400, 'body', hint);
    }
    change(level, source, exchange);
    return json(exchange, levels());
  });
  routes.get('/api/log/lines', (exchange) => {
    const after = exchange.req.query('after') ?? '0';
    if (!/^[0-9]{1,15}$/.test(after))
      return refuse(exchange, 400, 'after', 'the number of a line, as a whole number.');
    return json(exchange, linesAfter(source.log, Number(after)));
  });
}

function linesAfter({ recent }: Log, after: number): LogLines {
  // Who knows a later line than there is knew another run of this program.
  const lines = [...recent.after(after > recent.last ? 0 : after)];
  return {
    last: recent.last,
    lines: lines.map(({ number, line }) => ({ number, line: JSON.parse(line) as Record<string, unknown> })),
  };
}

function levelIn(body: string): Level | undefined {
  const { level, ...others } = parseSafely(body) ?? {};
  return Object.keys(others).length === 0 ? LOG_LEVELS.find((known) => known === level) : undefined;
}

/** The line about it is written at the level that shows more, before or after, so that it is not lost. */
function change(level: Level, { log, logConfig }: LogSource, exchange: Exchange): void {
  const before = log.level as Level;
  const say = (): void => {
    const shown = LOG_LEVELS.find((one) => log.isLevelEnabled(one));
    if (shown === undefined || shown === 'silent') return;
    const client = exchange.env.incoming.socket.remoteAddress;
    log[shown === 'debug' ? 'info' : shown]({ client, from: before, to: level }, 'log level set by the API');
  };
  const showsMore = LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(before);
  if (!showsMore) say();
  log.configure({ ...logConfig, level });
  if (showsMore) say();
}
