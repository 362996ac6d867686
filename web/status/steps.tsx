import type { VNode } from 'preact';
import type { HandshakeTimes } from './api.ts';
import { Facts } from './facts.tsx';

/** What each step is, in the order in which they happen. */
const STEPS: Readonly<Record<string, string>> = {
  request: 'request read',
  admit: 'let in by limits',
  authorize: 'authorized',
  dial: 'server reached, INFO seen',
  accept: '101 sent',
};

/** How long each step of an opening handshake took, up to the one in which it ended. */
export function Steps({ times: { ms, steps } }: { readonly times: HandshakeTimes }): VNode {
  return (
    <Facts
      facts={[
        ...Object.entries(STEPS).map(
          ([step, name]) =>
            [name, steps[step] === undefined ? undefined : `${steps[step].toFixed(2)} ms`] as const,
        ),
        ['in all', <b key="all">{ms.toFixed(2)} ms</b>],
      ]}
    />
  );
}
