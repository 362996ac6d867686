import { rememberLoginNeeded } from './login-needed.ts';

/** Why there is no answer to show. `status` 0: the port did not answer at all. */
export type Trouble = { readonly status: number; readonly sentence: string };

export type Answer<T> = { readonly ok: true; readonly value: T } | ({ readonly ok: false } & Trouble);

/** Longer than the deadlines of the admin port. */
const ANSWER_MS = 15_000;

/** One request to the API. Never rejects. `T` is undefined where the API answers without a body. */
export async function ask<T>(path: string, init: RequestInit = {}): Promise<Answer<T>> {
  try {
    const response = await fetch(path, { signal: AbortSignal.timeout(ANSWER_MS), ...init });
    if (response.status === 204) return { ok: true, value: undefined as T };
    if (response.ok) return { ok: true, value: (await response.json()) as T };
    if (response.status === 401) rememberLoginNeeded();
    const problem = (await response.json()) as { readonly detail?: string };
    return { ok: false, status: response.status, sentence: problem.detail ?? response.statusText };
  } catch {
    return { ok: false, status: 0, sentence: 'The admin port does not answer.' };
  }
}
