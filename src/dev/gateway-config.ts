import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problems.ts';
import { withGuardedRoute } from './guarded-route.ts';

/** A page that is frozen on purpose is ended while its visitor still looks. */
const STALL_MS = 3_000;

export type DevGatewayConfig = {
  readonly natsPort: number;
  /** The one that may connect. */
  readonly origin: string;
  readonly host: string;
  readonly port: number;
  readonly adminPort: number;
};

/** The gateway's defaults, but for one page, on this machine's own ports, and quick to end. */
export async function gatewayConfig(asked: DevGatewayConfig): Promise<Config> {
  const flags = {
    listen: `${asked.host}:${asked.port}`,
    admin: `127.0.0.1:${asked.adminPort}`,
    origin: [asked.origin],
    upstream: [`nats://127.0.0.1:${asked.natsPort}`],
    'log-format': 'json',
    // A first try shall show that something happens: a session that begins is a line.
    'log-level': 'debug',
  };
  const loaded = await withGuardedRoute((route) =>
    loadConfig({ text: JSON.stringify({ routes: [route] }), flags, env: {} }),
  );
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('; '));
  const { config } = loaded;
  return {
    ...config,
    inspect: 'observe',
    limits: { ...config.limits, sessions: 1000 },
    timeouts: { ...config.timeouts, stallMs: STALL_MS, closeMs: 500 },
    drain: { ...config.drain, delayMs: 0, timeoutMs: 500 },
  };
}
