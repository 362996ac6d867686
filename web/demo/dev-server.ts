/** What `natsgate dev` tells this page; absent when the page is served by something else. */
export type DevConfig = {
  readonly gatewayUrl: string;
  readonly adminUrl?: string;
  /** The one origin that the gateway lets in. */
  readonly allowedOrigin: string;
  /** This page under an origin that the gateway refuses. */
  readonly refusedUrl?: string;
};

/** One line of the gateway's log, as it was written. */
export type LogLine = {
  readonly level: string;
  readonly time: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

export type DevEvents = {
  onLog(line: LogLine): void;
  onServerRunning(running: boolean): void;
  /** The dev server has ended, and the gateway and nats-server with it. */
  onEnded(): void;
  /** It is there again after that, perhaps with other ports. */
  onBack(): void;
};

/** A stream may break for other reasons; an answer within this time says that the dev server is still there. */
const ANSWER_MS = 2_000;
const RETRY_MS = 1_000;

export async function fetchDevConfig(): Promise<DevConfig | undefined> {
  try {
    const response = await fetch('/dev/config.json', { signal: AbortSignal.timeout(ANSWER_MS) });
    return response.ok ? ((await response.json()) as DevConfig) : undefined;
  } catch {
    return undefined; // served by something else: the page works without
  }
}

/** Has the dev server do something. @throws its sentence. */
export async function askDev(action: string): Promise<unknown> {
  const response = await fetch(`/dev/${action}`, { method: 'POST', signal: AbortSignal.timeout(30_000) });
  if (!response.ok) throw new Error((await response.text()).trim());
  return response.status === 204 ? undefined : response.json();
}

/** Follows the dev server's events, while the page is visible: a browser has few connections for one host. */
export function followDevServer(events: DevEvents): void {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let lastId = '';
  let hasEnded = false;
  const close = () => {
    source?.close();
    source = undefined;
    clearTimeout(retry);
  };
  const open = () => {
    source = new EventSource(`/dev/log?after=${encodeURIComponent(lastId)}`);
    source.onopen = () => {
      if (hasEnded) events.onBack();
      hasEnded = false;
    };
    source.onerror = () => {
      close();
      void lost();
    };
    source.addEventListener('log', (event) => {
      lastId = event.lastEventId;
      const line = parseLogLine(String(event.data));
      if (line !== undefined) events.onLog(line);
    });
    source.addEventListener('nats', (event) => {
      events.onServerRunning((JSON.parse(String(event.data)) as { running: boolean }).running);
    });
  };
  const lost = async () => {
    if (!hasEnded && (await fetchDevConfig()) === undefined && !document.hidden) {
      hasEnded = true;
      events.onEnded();
    }
    if (!document.hidden && source === undefined) retry = setTimeout(open, RETRY_MS);
  };
  document.addEventListener('visibilitychange', () => {
    close();
    if (!document.hidden) open();
  });
  if (!document.hidden) open();
}

function parseLogLine(line: string): LogLine | undefined {
  try {
    const { level, time, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
    return { level: String(level), time: String(time), message: String(message), fields };
  } catch {
    return undefined; // not a line of the gateway's JSON log
  }
}
