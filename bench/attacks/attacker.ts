import { ATTACKS } from './all.ts';
import type { Target } from './attack.ts';

/** The process of one attack: `node attacker.ts NAME TARGET-AS-JSON`, and what it spent on standard output. */
const [name, target] = process.argv.slice(2);
const attack = ATTACKS.find((one) => one.name === name);
if (attack === undefined || target === undefined) throw new Error('attacker.ts NAME TARGET');
console.log(JSON.stringify(await attack.run(JSON.parse(target) as Target)));
process.exit(0);
