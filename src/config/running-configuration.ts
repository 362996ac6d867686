import type { Config } from './config.ts';
import { fingerprint } from './fingerprint.ts';
import type { Listed } from './listing.ts';
import type { Settings } from './settings.ts';

/** As the API answers it. */
export type RunningConfiguration = {
  /** As `/api/status` has it. */
  readonly hash: string;
  readonly keys: readonly {
    readonly key: string;
    readonly value: Listed['value'];
    readonly default: boolean;
    /** A route has it from the top. */
    readonly inherited: boolean;
    readonly at: string | null;
  }[];
};

export const runningConfiguration = (config: Config, settings: Settings): RunningConfiguration => ({
  hash: fingerprint(config),
  keys: [...settings].map(
    ([
      key,
      {
        listed: { value, isDefault, isInherited, at },
      },
    ]) => ({
      key,
      value,
      default: isDefault,
      inherited: isInherited,
      at: at ?? null,
    }),
  ),
});
