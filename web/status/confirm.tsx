import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

export type ConfirmProps = {
  readonly label: string;
  readonly question: string;
  readonly yes: string;
  /** Gives the sentence of a refusal; undefined: it is done. */
  onYes(): Promise<string | undefined>;
};

/** A button for what cannot be undone: it is done after a second click. */
export function Confirm({ label, question, yes, onYes }: ConfirmProps): VNode {
  const [isAsked, setAsked] = useState(false);
  const [refusal, setRefusal] = useState('');
  const confirmed = async (): Promise<void> => {
    setRefusal((await onYes()) ?? '');
    setAsked(false);
  };
  return (
    <span class="actions">
      {isAsked ? (
        <>
          <span role="alert">{question}</span>
          <button type="button" class="small" onClick={() => void confirmed()}>
            {yes}
          </button>
          <button type="button" class="small" onClick={() => setAsked(false)}>
            No
          </button>
        </>
      ) : (
        <button type="button" class="small" onClick={() => setAsked(true)}>
          {label}
        </button>
      )}
      {refusal !== '' && <span class="bad">{refusal}</span>}
    </span>
  );
}
