/** What lines of the log say of a session or a handshake, each field in one place. */
import type { RateLimit } from './config/config.ts';
import { DEFAULT_ROUTE } from './config/routes.ts';
import { foreignText } from './log.ts';
import { QUOTED } from './nats/shown-subjects.ts';
import type { SessionFacts } from './session/session-contract.ts';

/** The key of the configuration that a session has exceeded. */
export const limitName = ({ per, kind }: Pick<RateLimit, 'per' | 'kind'>): string => `rates.${per}.${kind}`;

/** What nats-server quotes are subjects and queues of the client. */
export const withoutNames = (text: string): string => text.replaceAll(QUOTED, '"…"');

export const suppressedField = (suppressed: number): { suppressed?: number } =>
  suppressed === 0 ? {} : { suppressed };

/** The default route goes without saying. */
export const routeField = (route: string | undefined): { route?: string } =>
  route === undefined || route === DEFAULT_ROUTE ? {} : { route };

export const userFields = ({
  user,
  tenant,
  role,
}: Pick<SessionFacts, 'user' | 'tenant' | 'role'>): Readonly<Record<string, string>> => ({
  ...(user === undefined ? {} : { user: foreignText(user) }),
  ...(tenant === undefined ? {} : { tenant: foreignText(tenant) }),
  ...(role === undefined ? {} : { role: foreignText(role) }),
});

export const originField = (origin: string | undefined): { origin?: string } =>
  origin === undefined ? {} : { origin: foreignText(origin) };
