import { setTimeout as wait } from 'node:timers/promises';
import { ATTACKS } from './all.ts';
import type { Spent, Target } from './attack.ts';

const MOST_MS = 90_000;
const UNKNOWN: Spent = { connections: 0, bytes: 0 };

/** The process of one attack: `node attacker.ts NAME TARGET-AS-JSON`, and what it spent on standard output. */
const [name, target] = process.argv.slice(2);
const attack = ATTACKS.find((one) => one.name === name);
if (attack === undefined || target === undefined) throw new Error('attacker.ts NAME TARGET');
// A gateway that no longer answers must not make it endless.
const spent = await Promise.race([attack.run(JSON.parse(target) as Target), wait(MOST_MS, UNKNOWN)]);
console.log(JSON.stringify(spent));
process.exit(0);
