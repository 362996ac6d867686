import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { CaptureMatch, CaptureRow } from '../../src/capture/capture.ts';
import { type Answer, ask } from './api.ts';

/** Starts a capture. `payloads`: of what messages say, too, where that is allowed. */
export const startCapture = (match: CaptureMatch, payloads = false): Promise<Answer<CaptureRow>> =>
  ask<CaptureRow>('/api/captures', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...match, ...(payloads ? { payloads } : {}) }),
  });

/** Records an open session from now on; without what messages say. */
export function Record({ id }: { readonly id: number }): VNode {
  const [answer, setAnswer] = useState<Answer<CaptureRow>>();
  if (answer?.ok === true) return <a href="#/captures">● recording</a>;
  return (
    <span class="actions">
      <button
        type="button"
        class="small"
        aria-label={`Record session ${id}`}
        onClick={() => void startCapture({ session: id }).then(setAnswer)}
      >
        Record
      </button>
      {answer?.ok === false && (
        <span class="bad" role="alert">
          {answer.sentence}
        </span>
      )}
    </span>
  );
}
