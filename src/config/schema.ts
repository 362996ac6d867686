/** The sections joined: the whole configuration as it is written. */
import * as z from 'zod';
import { type ValuesOf, words } from './keys.ts';
import { admin } from './sections/admin.ts';
import { auth } from './sections/auth.ts';
import { captures } from './sections/captures.ts';
import { compression } from './sections/compression.ts';
import { connect } from './sections/connect.ts';
import { drain } from './sections/drain.ts';
import { info, inspect } from './sections/inspect.ts';
import { limits } from './sections/limits.ts';
import { listen } from './sections/listen.ts';
import { log } from './sections/log.ts';
import { origins } from './sections/origins.ts';
import { policy } from './sections/policy.ts';
import { rates } from './sections/rates.ts';
import { route } from './sections/route.ts';
import { timeouts } from './sections/timeouts.ts';
import { upstream } from './sections/upstream.ts';

const ROUTES = 'a list of routes, such as "- path: /mqtt" with its keys below it';

export const schema = z.strictObject({
  listen,
  admin,
  origins,
  upstream,
  connect,
  auth,
  policy,
  engine: words('Who reads and writes frames: our own code, or stock ws.', 'cut-through', [
    'cut-through',
    'buffered',
  ]),
  compression,
  inspect,
  info,
  limits,
  rates,
  timeouts,
  drain,
  captures,
  log,
  routes: z
    .preprocess((raw) => (raw === null ? [] : raw), z.array(route, { error: () => ROUTES }))
    .prefault([])
    .meta({ description: 'Hosts and paths with their own origins, server or limits.', default: [] }),
});

export type Values = ValuesOf<typeof schema>;
export type EngineName = Values['engine'];

/** By section: the key that a value in place of the section is for. */
export const SHORT_KEYS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(schema.shape).flatMap(([name, one]) => {
    const short = (one.meta() as { short?: string } | undefined)?.short;
    return short === undefined ? [] : [[name, short]];
  }),
);
