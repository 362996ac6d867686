import { isClientText } from '../../auth/grant.ts';
import type { Kicked } from '../../auth/kicked.ts';
import { parseSafely } from '../../auth/safe-json.ts';
import { duration } from '../../config/values.ts';

export type KickRequest = { readonly who: Kicked; readonly forMs: number };

const KEYS = ['user', 'tenant', 'for'];
const TIME = duration('1s', '24h', '10m');

/** What a body asks for, or a sentence about what is wrong with it, which quotes nothing of it. */
export function readKick(body: string): KickRequest | string {
  const json = parseSafely(body);
  if (json === undefined) return 'send a JSON object such as {"user": "alice", "for": "10m"}.';
  // A typo in tenant would end the sessions of other tenants.
  if (Object.keys(json).some((key) => !KEYS.includes(key))) return `the keys are ${KEYS.join(', ')}.`;
  const { user, tenant, for: time } = json;
  if (!isClientText(user)) return 'user must be a text of 1 to 256 bytes, as /api/sessions shows it.';
  if (tenant !== undefined && !isClientText(tenant))
    return 'tenant must be a text of 1 to 256 bytes; leave it out for every tenant.';
  const reading = time === undefined ? undefined : TIME.read(typeof time === 'string' ? time : '');
  if (reading?.ok === false) return `for must be ${TIME.expected}.`;
  return { who: { user, tenant }, forMs: reading?.value ?? 0 };
}
