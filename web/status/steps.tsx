import type { VNode } from 'preact';
import type { HandshakeSteps } from '../../src/handshake-steps.ts';
import { Facts } from './facts.tsx';

/** What each step is, in the order in which they happen. */
const STEPS = {
  request: 'request read',
  admit: 'let in by limits',
  authorize: 'authorized',
  dial: 'server connected',
  info: 'INFO seen',
  accept: '101 sent',
} as const satisfies Record<keyof HandshakeSteps, string>;

type Times = { readonly ms: number; readonly steps: HandshakeSteps };

/** How long each step of an opening handshake took, up to the one in which it ended. */
export function Steps({ times: { ms, steps } }: { readonly times: Times }): VNode {
  return (
    <Facts
      facts={[
        ...(Object.keys(STEPS) as (keyof HandshakeSteps)[]).map(
          (step) =>
            [STEPS[step], steps[step] === undefined ? undefined : `${steps[step].toFixed(2)} ms`] as const,
        ),
        ['in all', <b key="all">{ms.toFixed(2)} ms</b>],
      ]}
    />
  );
}
