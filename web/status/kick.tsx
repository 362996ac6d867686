import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { ask } from './api.ts';

/** Ends a session, after a second click. */
export function Kick({ id }: { readonly id: number }): VNode {
  const [isAsked, setAsked] = useState(false);
  const [refusal, setRefusal] = useState('');
  const kick = async (): Promise<void> => {
    const answer = await ask(`/api/sessions/${id}/kick`, { method: 'POST' });
    setAsked(false);
    setRefusal(answer.ok ? '' : answer.sentence);
  };
  return (
    <span class="kick">
      {isAsked ? (
        <>
          <span role="alert">End it? The client may connect again.</span>
          <button type="button" class="small" onClick={() => void kick()}>
            Yes, end it
          </button>
          <button type="button" class="small" onClick={() => setAsked(false)}>
            No
          </button>
        </>
      ) : (
        <button type="button" class="small" onClick={() => setAsked(true)}>
          End this session
        </button>
      )}
      {refusal !== '' && <span class="bad">{refusal}</span>}
    </span>
  );
}
