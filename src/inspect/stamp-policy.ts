import { VERB } from '../nats/operations.ts';
import type { Stamp } from '../nats/stamp.ts';
import { publishDenied } from '../policy/denial-text.ts';
import type { Policy } from './inspection.ts';
import { MAX_HELD_HEADER_BYTES } from './subject-policy.ts';

/** The template of a longer stamp has no room in a slot beside the longest message. */
const MAX_TEMPLATE_BYTES = 1024;

/** Every message leaves with headers that say who sent it. It must come after the policies that refuse. */
export function stampPolicy(stamp: Stamp): Policy {
  const stampsRuns = stamp.template.length <= MAX_TEMPLATE_BYTES;
  return {
    needsEveryMessage: !stampsRuns,
    stamp: stampsRuns ? stamp : undefined,
    needsHeaders: true,
    judgeConnect(connect) {
      if (connect.fields.get('headers') === true) return undefined;
      const expected = 'a CONNECT with "headers":true, since connect.stamp writes headers';
      return { kind: 'end', reason: 'forbidden', problem: 'policy', expected };
    },
    judge(operation) {
      if (operation.verb !== VERB.PUB && operation.verb !== VERB.HPUB) return undefined;
      const isHeld = operation.headers.length === operation.headerBytes;
      const line = isHeld ? stamp.write(operation) : undefined;
      if (line !== undefined) return { kind: 'replace', line };
      const what = isHeld
        ? 'headers that connect.stamp cannot be written into'
        : `more than ${MAX_HELD_HEADER_BYTES} bytes of headers`;
      return { kind: 'drop', error: publishDenied(operation.read(operation.subject, 'utf8'), what) };
    },
  };
}
