import type { VNode } from 'preact';
import { ask } from './api.ts';
import { Confirm } from './confirm.tsx';

/** Ends a session, after a second click. */
export function Kick({ id }: { readonly id: number }): VNode {
  const kick = async (): Promise<string | undefined> => {
    const answer = await ask(`/api/sessions/${id}/kick`, { method: 'POST' });
    return answer.ok ? undefined : answer.sentence;
  };
  return (
    <Confirm
      label="End this session"
      question="End it? The client may connect again."
      yes="Yes, end it"
      onYes={kick}
    />
  );
}
