export type Visitor = { readonly user: string; readonly expiresAt: number };

/** A second before the expiry the cookie is as good as gone: the dial takes a moment too. */
const MARGIN_SECONDS = 1;
let visitor: Visitor | undefined;

/**
 * Who is logged in, with a cookie that is good; undefined when the user must log in. No script can read the cookie: the
 * server of the page renews it, and says when it expires. @throws when the server cannot be reached.
 */
export async function visitorNow(): Promise<Visitor | undefined> {
  if (visitor !== undefined && Date.now() / 1000 <= visitor.expiresAt - MARGIN_SECONDS) return visitor;
  const answer = await fetch('/renew', { method: 'POST' });
  if (!answer.ok && answer.status !== 401) throw new Error(`the login answered ${answer.status}`);
  visitor = answer.ok ? await answer.json() : undefined;
  return visitor;
}

/**
 * Ends all sessions of the user, this one too. Gives what did not work, for the user: then the page must end its own.
 * @throws when the server cannot be reached.
 */
export async function logOut(): Promise<string | undefined> {
  const answer = await fetch('/logout', { method: 'POST' });
  return answer.ok ? undefined : answer.text();
}

export const renew = async (): Promise<boolean> => (await visitorNow()) !== undefined;
