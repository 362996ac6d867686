/**
 * The one configuration object, as the parts of the gateway read it: checked, complete, units converted. It is made by
 * `load.ts` alone and never changed afterwards.
 *
 * Names carry their unit (`…Ms`, `…Bytes`); the file's keys do not (`timeouts.ping: 25s`). Each section, with its keys,
 * defaults and types, is one file in sections/.
 */

import type { LogConfig } from '../log.ts';
import type { PolicyRules } from '../policy/rules.ts';
import type { EngineName } from './schema.ts';
import type { AdminConfig } from './sections/admin.ts';
import type { AuthConfig } from './sections/auth.ts';
import type { CapturesConfig } from './sections/captures.ts';
import type { CompressionConfig } from './sections/compression.ts';
import type { ConnectConfig } from './sections/connect.ts';
import type { DrainConfig } from './sections/drain.ts';
import type { InfoConfig, InspectLevel } from './sections/inspect.ts';
import type { LimitsConfig } from './sections/limits.ts';
import type { ListenConfig } from './sections/listen.ts';
import type { OriginsConfig } from './sections/origins.ts';
import type { RatesConfig } from './sections/rates.ts';
import type { RouteConfig } from './sections/route.ts';
import type { TimeoutsConfig } from './sections/timeouts.ts';
import type { UpstreamConfig } from './sections/upstream.ts';

export type { LogConfig } from '../log.ts';
export type { EngineName } from './schema.ts';
export type { AdminConfig, AdminTls } from './sections/admin.ts';
export type { AuthConfig, IssuerConfig, KeysUrlConfig, TokenSource, WebhookConfig } from './sections/auth.ts';
export type { CapturesConfig, KeepRule } from './sections/captures.ts';
export type { CompressionConfig } from './sections/compression.ts';
export type { ConnectConfig } from './sections/connect.ts';
export type { DrainConfig } from './sections/drain.ts';
export type { InfoConfig, InspectLevel } from './sections/inspect.ts';
export type { LimitsConfig } from './sections/limits.ts';
export type { ListenAddress, ListenConfig, ServerTls, TlsMaterial } from './sections/listen.ts';
export type { OriginsConfig } from './sections/origins.ts';
export type { RateLimit, RatesConfig } from './sections/rates.ts';
export type { RouteConfig } from './sections/route.ts';
export type { TimeoutsConfig } from './sections/timeouts.ts';
export type { UpstreamConfig, UpstreamServer, UpstreamTls } from './sections/upstream.ts';

export type Config = {
  readonly listen: ListenConfig;
  readonly admin: AdminConfig;
  readonly origins: OriginsConfig;
  readonly upstream: UpstreamConfig;
  readonly connect: ConnectConfig;
  /** Absent: nobody is asked who they are. */
  readonly auth?: AuthConfig;
  /** Absent: clients may say all that the server lets them. */
  readonly policy?: PolicyRules;
  readonly engine: EngineName;
  readonly compression: CompressionConfig;
  /** The level in effect: what was written, or what the other keys need. */
  readonly inspect: InspectLevel;
  readonly info: InfoConfig;
  readonly limits: LimitsConfig;
  /** Absent: clients may be as fast as they can. */
  readonly rates?: RatesConfig;
  readonly timeouts: TimeoutsConfig;
  readonly drain: DrainConfig;
  readonly captures: CapturesConfig;
  readonly log: LogConfig;
  /** Beside the default route, which the keys above describe. */
  readonly routes: readonly RouteConfig[];
};
