import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { CaptureLimits } from '../../src/admin/api/captures.ts';
import { byteSize } from '../shared/byte-size.ts';
import { timeSpan } from './format.ts';
import { startCapture } from './record.tsx';

const FIELDS = [
  ['user', 'User', 'jane'],
  ['tenant', 'Tenant', 'acme'],
  ['origin', 'Origin', 'https://shop.example'],
  ['address', 'Address', '203.0.113.7'],
] as const;

/** Starts a capture of the next session that fits. `onStarted`: it is in the list. */
export function CaptureForm({
  limits,
  onStarted,
}: {
  readonly limits: CaptureLimits;
  onStarted(): void;
}): VNode {
  const [refusal, setRefusal] = useState('');
  const start = async (form: HTMLFormElement): Promise<void> => {
    const data = new FormData(form);
    const written = FIELDS.map(([name]) => [name, String(data.get(name) ?? '').trim()] as const);
    const match = Object.fromEntries(written.filter(([, text]) => text !== ''));
    if (Object.keys(match).length === 0) return setRefusal('Name a user, a tenant, an origin or an address.');
    const answer = await startCapture(match, data.has('payloads'));
    setRefusal(answer.ok ? '' : answer.sentence);
    if (!answer.ok) return;
    form.reset();
    onStarted();
  };
  const { bytes, concurrent, payloads, seconds, totalBytes } = limits;
  return (
    <form
      class="capture-form"
      aria-label="Record the next session that fits"
      onSubmit={(event) => {
        event.preventDefault();
        void start(event.currentTarget);
      }}
    >
      {FIELDS.map(([name, label, example]) => (
        <label key={name}>
          {label}
          <input name={name} class="mono" placeholder={example} autocomplete="off" />
        </label>
      ))}
      {payloads && (
        <label class="inline">
          <input type="checkbox" name="payloads" /> also payloads and header values
        </label>
      )}
      <button type="submit" class="primary">
        Record the next session
      </button>
      <p class="bad" role="alert">
        {refusal}
      </p>
      <p class="hint">
        The next session that begins with all that is named; a user without a tenant is one of any tenant. An
        open one is recorded by the button in its row. At most {concurrent} at a time, each {byteSize(bytes)}{' '}
        and {timeSpan(seconds)} long, all together {byteSize(totalBytes)}; the newest operations replace the
        oldest. {!payloads && 'Of messages the subject and the size are recorded, not what they say.'}
      </p>
    </form>
  );
}
