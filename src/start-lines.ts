import { NOT_BUILT, type StatusPageSource } from './admin/status-page.ts';
import { budgetWarning } from './budget.ts';
import type { AdminConfig, ListenAddress } from './config/config.ts';
import type { Log } from './log.ts';
import { addressText } from './net/host.ts';
import type { Machine, Prepared } from './prepare.ts';

/** The line that says that the gateway is ready, and what for. */
export function logReady(
  log: Log,
  { config, budget }: Prepared,
  addresses: { readonly clients: ListenAddress; readonly admin: ListenAddress },
  version: string | undefined,
): void {
  const { admin, listen, upstream, routes } = config;
  log.info(
    {
      listen: `${listen.tls === undefined ? 'ws' : 'wss'}://${addressText(addresses.clients)}`,
      admin: `${admin.tls === undefined ? 'http' : 'https'}://${addressText(addresses.admin)}`,
      upstream: upstream.servers.map((server) => server.name),
      proxyKey: upstream.proxySigner?.publicKey,
      routes: routes.length === 0 ? undefined : routes.map(({ name }) => name),
      sessions: budget.sessions,
      limitedBy: budget.limitedBy,
      version,
    },
    'ready',
  );
}

/** Warns of what works here, but not as well as it could; not of what was said of the configuration `before`. */
export function logWarnings(log: Log, machine: Machine, now: Prepared, before?: Prepared): void {
  const known = before === undefined ? [] : warningsOf(before, machine).map(({ text }) => text);
  for (const { fields, text } of warningsOf(now, machine)) if (!known.includes(text)) log.warn(fields, text);
}

type Warning = { readonly fields: object; readonly text: string };

function warningsOf(
  { budget, cutThrough, memory }: Prepared,
  { fileDescriptorLimit: fileDescriptors }: Machine,
): readonly Warning[] {
  const warnings: Warning[] = [];
  const problem = cutThrough?.problem;
  if (problem !== undefined) {
    const text =
      cutThrough?.usable === true
        ? 'accepted sockets cannot be read directly with this version of Node; each read costs a copy more'
        : 'the cut-through engine does not work with this version of Node or ws; the buffered engine took over';
    warnings.push({ fields: { problem }, text });
  }
  const text = budgetWarning(budget);
  if (text !== undefined) {
    const fields = { sessions: budget.sessions, fileDescriptors, memoryBytes: memory?.limitBytes };
    warnings.push({ fields, text });
  }
  return warnings;
}

/** Says once that the status page is on, and its files are not there. */
export async function warnOfPage(
  log: Log,
  { page }: AdminConfig,
  pageFile: StatusPageSource['pageFile'] | undefined,
): Promise<void> {
  if (page && pageFile !== undefined && (await pageFile('index.html')) === undefined) log.warn({}, NOT_BUILT);
}
