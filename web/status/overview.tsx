import type { VNode } from 'preact';
import { Chain } from './chain.tsx';
import { CurlLine } from './curl-line.tsx';
import { ratePoints, statusNow } from './status-feed.ts';
import { Tiles } from './tiles.tsx';

/** Is it well, and if not, where on the way: the first view. */
export function Overview(): VNode | null {
  const { value: status } = statusNow.value;
  if (status === undefined) return null;
  const points = ratePoints.value;
  return (
    <>
      <Chain status={status} points={points} />
      <Tiles status={status} points={points} />
      <CurlLine path="/api/status" />
    </>
  );
}
