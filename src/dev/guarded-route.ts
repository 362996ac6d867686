import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PATH = '/guarded';
const ISSUER = 'natsgate dev';
/** Soon enough for a visitor who watches, and long enough for one that tries something before. */
const TOKEN_SECONDS = 3;

const secret = randomBytes(32);

/** Calls `load` with a route that wants a login and has a policy. Its secret is in a file only until it is loaded. */
export async function withGuardedRoute<T>(load: (route: object) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'natsgate-dev-'));
  try {
    const secretFile = join(folder, 'secret');
    await writeFile(secretFile, secret, { mode: 0o600 });
    return await load({
      path: PATH,
      auth: {
        from: [{ query: 'token' }],
        jwt: [
          {
            ...{ issuer: ISSUER, audience: ['demo'], algorithms: ['HS256'], clockTolerance: '0s' },
            keys: { secretFile },
          },
        ],
        expiry: { grace: '0s' },
      },
      policy: {
        roles: [{ name: 'default', publish: { allow: ['demo.>'] }, subscribe: { allow: ['demo.>'] } }],
      },
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The address of that route with a token that expires soon. */
export function guardedUrl(gatewayUrl: string): string {
  const exp = Math.floor(Date.now() / 1000) + TOKEN_SECONDS;
  const signed = [
    { alg: 'HS256', typ: 'JWT' },
    { iss: ISSUER, aud: 'demo', sub: 'visitor', exp },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = createHmac('sha256', secret).update(signed).digest('base64url');
  return `${gatewayUrl}${PATH}?token=${signed}.${signature}`;
}
