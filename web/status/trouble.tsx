import type { VNode } from 'preact';
import type { Trouble as Why } from './api.ts';
import { CurlLine } from './curl-line.tsx';
import { Login } from './login.tsx';

/** Why nothing new is shown, and what to do. `isStale`: what is below is from before. */
export function Trouble({ trouble, isStale }: { readonly trouble: Why; readonly isStale: boolean }): VNode {
  return (
    <section class="notice" role="alert">
      <h2>{headOf(trouble.status)}</h2>
      <p>
        {adviceOf(trouble)} {isStale && 'What is below is from before.'}
      </p>
      {trouble.status === 401 && (
        <>
          <Login />
          <CurlLine path="/api/status" />
        </>
      )}
    </section>
  );
}

function headOf(status: number): string {
  if (status === 0) return 'No answer';
  if (status === 404) return 'Not found';
  return status === 401 || status === 403 ? 'A token is needed' : `Refused (${status})`;
}

function adviceOf({ status, sentence }: Why): string {
  if (status === 401) return 'The numbers of this gateway need its admin token (admin.tokenFile).';
  if (status === 403)
    return 'No admin token is configured, so the numbers are shown on loopback only. Set admin.tokenFile, or come over loopback, for instance with kubectl port-forward.';
  if (status === 0) return 'The admin port does not answer. The page tries again every second.';
  return sentence;
}
