import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { publishDenied, subscribeDenied } from '../../src/policy/denial-text.ts';
import type { Rule } from '../../src/policy/rules.ts';
import { Asked } from '../policy/support.ts';
import { realNatsServer } from '../support/nats.ts';
import { drawFrom } from './nats-lines.ts';

/**
 * Random lists and random operations: what a role lets pass, a real nats-server with the same lists accepts, and what only
 * the role refuses is one of the differences that are listed here.
 *
 * POLICY_CASES: how many, 6,000 when not set. FUZZ_SEED: the seed that a failure printed.
 */
const CASES = Number(process.env['POLICY_CASES'] ?? 6000);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() | 0);
const CASES_OF_A_USER = 250;
const LANES = 8;

const draw = drawFrom(SEED);
const oneOf = draw.pick;
const times = <T>(least: number, most: number, make: () => T): T[] =>
  Array.from({ length: least + draw.below(most - least + 1) }, make);

const ID = 'ABCDEFGHIJKLMNOPQRSTUV';
const token = (): string => (draw.chance(70) ? oneOf(['a', 'b']) : oneOf(['*', '*', 'c', '"', '\\', 'ä']));
const pattern = (): string => {
  const tokens = times(1, 3, token);
  return (draw.below(4) === 0 ? [...tokens.slice(0, 2), '>'] : tokens).join('.');
};
const queue = (): string => oneOf(['g', 'h', 'g.a', 'g.*', 'g.>', '*', '>']);
const subject = (): string => {
  switch (draw.below(12)) {
    case 0:
      return oneOf([
        `_INBOX.${ID}`,
        `_INBOX.${ID}.*`,
        '_INBOX.a',
        '_INBOX.>',
        `_INBOX.${ID}.a.b`,
        `_INBOX.*.${ID}`,
      ]);
    case 1:
      return [...times(1, 2, token), oneOf(['', '\u200b', '\u{1f600}', "'"]), ...times(0, 2, token)].join(
        '.',
      );
    default:
      return pattern();
  }
};

type Lists = { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
const listsOf = (entry: () => string): Lists => {
  const list = () => times(1, 4, entry);
  return oneOf([
    () => ({ allow: list() }),
    () => ({ deny: list() }),
    () => ({ allow: list(), deny: list() }),
  ])();
};

type User = { readonly publish: Lists; readonly subscribe: Lists };
const user = (): User => ({
  publish: listsOf(pattern),
  subscribe: listsOf(() => (draw.below(4) === 0 ? `${pattern()} ${queue()}` : pattern())),
});
const users = Array.from({ length: Math.ceil(CASES / CASES_OF_A_USER) }, user);

/** JSON is configuration for nats-server. What the inbox rule allows has no other words there. */
const permissionsOf = ({ publish, subscribe }: User): string => {
  const { allow } = subscribe;
  return JSON.stringify({
    publish,
    subscribe: allow === undefined ? subscribe : { ...subscribe, allow: [...allow, '_INBOX.>'] },
  });
};

let server: RunningNatsServer;
before(async () => {
  const accounts = users.map(
    (one, index) =>
      `A${index}: { users: [{user: u${index}, password: p, permissions: ${permissionsOf(one)}}] }`,
  );
  server = await realNatsServer({ config: `accounts { ${accounts.join('\n')} }\n` });
});
after(() => server?.close());

type Case = {
  readonly verb: 'SUB' | 'PUB' | 'HPUB';
  readonly subject: string;
  /** Of SUB the queue, of PUB the reply, of HPUB a header; empty: none. */
  readonly more: string;
};
const anyCase = (): Case => {
  const of = subject();
  switch (draw.below(10)) {
    case 0:
      return { verb: 'HPUB', subject: of, more: oneOf(['Nats-Rollup: sub', 'A: b']) };
    case 1:
      return { verb: 'PUB', subject: of, more: oneOf([`_INBOX.${ID}.1`, 'a.b', '_INBOX.x']) };
    case 2:
    case 3:
    case 4:
      return { verb: 'PUB', subject: of, more: '' };
    case 5:
    case 6:
      return { verb: 'SUB', subject: of, more: queue() };
    default:
      return { verb: 'SUB', subject: of, more: '' };
  }
};

const blockOf = (header: string): string => `NATS/1.0\r\n${header}\r\n\r\n`;
const wireOf = ({ verb, subject: of, more }: Case, sid: number): string => {
  if (verb === 'SUB') return `SUB ${of} ${more} ${sid}\r\nUNSUB ${sid}\r\n`;
  if (verb === 'PUB') return `PUB ${of} ${more} 0\r\n\r\n`;
  return `HPUB ${of} ${blockOf(more).length} ${blockOf(more).length}\r\n${blockOf(more)}\r\n`;
};

const ours = (asked: Asked, { verb, subject: of, more }: Case): Rule | undefined => {
  if (verb === 'SUB') return asked.subscribe(more === '' ? of : `${of} ${more}`);
  const rule = asked.publish(of);
  if (rule !== undefined || more === '') return rule;
  if (verb === 'PUB') return asked.reply(more);
  return asked.header(blockOf(more)) === undefined ? undefined : 'headers';
};

/** What the server answers to each, in order: an error, or nothing. Each has a PING after it. */
async function serverAnswers(index: number, cases: readonly Case[]): Promise<string[]> {
  const socket = connect(server.port, '127.0.0.1').setEncoding('utf8');
  const login = { verbose: false, pedantic: false, echo: false, headers: true, user: `u${index}`, pass: 'p' };
  const bytes = cases.map((one, sid) => `${wireOf(one, sid + 1)}PING\r\n`).join('');
  socket.write(`CONNECT ${JSON.stringify(login)}\r\nPING\r\n${bytes}`);
  let answers: string[] = [];
  let text = '';
  for await (const chunk of socket) {
    text += chunk;
    answers = text.split('PONG\r\n');
    if (answers.length === cases.length + 2) break;
  }
  assert.equal(answers.length, cases.length + 2, text.slice(-500));
  return answers.slice(1, -1).map((answer) => answer.replaceAll('PING\r\n', ''));
}

const hasWildcard = (text: string): boolean => /(^|\.)[*>](\.|$)/.test(text);
const hasEmptyToken = (text: string): boolean => text.split('.').includes('');

/** Where a role refuses and nats-server does not. */
const DIFFERENCES: readonly {
  readonly name: string;
  holds(one: Case, rule: Rule, of: User): boolean;
}[] = [
  { name: 'empty tokens are refused', holds: (one) => hasEmptyToken(one.subject) },
  {
    name: 'wildcards of SUB must be covered, `>` never under `*`',
    holds: (one, rule) => one.verb === 'SUB' && rule === 'subscribe_allow' && hasWildcard(one.subject),
  },
  {
    name: 'SUB that overlaps deny is refused, not filtered',
    holds: (one, rule) => one.verb === 'SUB' && rule === 'subscribe_deny' && hasWildcard(one.subject),
  },
  {
    name: 'wildcards of PUB are judged as those of SUB',
    holds: (one, rule) => one.verb !== 'SUB' && rule.startsWith('publish') && hasWildcard(one.subject),
  },
  { name: 'replies go to the own inbox', holds: (_, rule) => rule === 'replies' },
  { name: 'headers', holds: (_, rule) => rule === 'headers' },
  {
    name: 'an inbox needs a name that nobody guesses',
    holds: (one, rule) => rule === 'subscribe_allow' && one.subject.startsWith('_INBOX'),
  },
  {
    name: 'a deny without a queue holds for all queues',
    holds: (one, rule, { subscribe: { deny = [] } }) =>
      rule === 'subscribe_deny' && one.more !== '' && deny.some((entry) => entry.includes(' ')),
  },
];

test(`what passes is accepted by a real nats-server (seed ${SEED})`, { timeout: 600_000 }, async (t) => {
  const figures: Record<string, number> = {};
  const count = (name: string): void => {
    figures[name] = (figures[name] ?? 0) + 1;
  };
  const compare = async (index: number): Promise<void> => {
    const of = users[index] as User;
    const asked = new Asked({ ...of, prefix: '_INBOX', headers: { deny: ['Nats-*'], allow: [] } });
    const cases = Array.from({ length: CASES_OF_A_USER }, anyCase);
    const answers = await serverAnswers(index, cases);
    for (const [at, one] of cases.entries()) {
      const answer = answers[at] as string;
      const rule = ours(asked, one);
      const about = JSON.stringify({ one, of, rule, answer });
      const accepted = !answer.includes('Permissions Violation');
      if (rule === undefined) {
        assert.ok(accepted, `only the server refuses: ${about}`);
        count('both accept');
      } else if (accepted) {
        const difference = DIFFERENCES.find(({ holds }) => holds(one, rule, of));
        assert.ok(difference, `only the role refuses: ${about}`);
        count(difference.name);
      } else {
        const { verb, subject: s, more } = one;
        const text = verb === 'SUB' ? subscribeDenied(s, more) : publishDenied(s);
        assert.equal(answer, text.toString(), about);
        count('both refuse, in the same words');
      }
    }
  };
  const left = users.keys();
  const lane = async (): Promise<void> => {
    for (const index of left) await compare(index);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  assert.ok((figures['both accept'] ?? 0) > CASES / 20);
  t.diagnostic(JSON.stringify(figures));
});
