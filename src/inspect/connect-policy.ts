import { type Connect, type ConnectChanges, CREDENTIAL_FIELDS } from '../nats/connect.ts';
import { type Login, WITHOUT_LOGIN } from '../nats/login.ts';
import { fillNameTemplate, type NameTemplate, type NameValue } from '../nats/name-template.ts';
import type { Policy } from './inspection.ts';

export type ConnectRules = {
  /** undefined: the client logs in by itself. Its secrets are let go when CONNECT is written. */
  readonly login: Login | undefined;
  /** What becomes of credentials that a client writes. */
  readonly clientCredentials: 'keep' | 'drop' | 'refuse';
  /** undefined: the client's own name. */
  readonly name: NameTemplate | undefined;
};

/**
 * nats-server answers a client that names an account with an Authorization Violation. The log would take that for a
 * refusal of the gateway's login, so any visitor could raise an error meant for the operator.
 */
const WITHOUT_ACCOUNT: ConnectChanges = { account: null, new_account: null };

const OWN_NAME: NameTemplate = [{ value: 'name' }];

/** `name`: in place of the client's own. */
type NameFacts = Readonly<Partial<Record<NameValue, string>>>;

/**
 * Writes into CONNECT who logs in, and the name that nats-server shows. `facts`: of the session, for the name. No policy
 * where CONNECT stays as it is.
 */
export function connectPolicies(rules: ConnectRules, facts: NameFacts): readonly Policy[] {
  const { login, clientCredentials, name } = rules;
  const isAsWritten =
    login === undefined && clientCredentials === 'keep' && name === undefined && facts.name === undefined;
  return isAsWritten ? [] : [connectPolicy(rules, facts)];
}

function connectPolicy({ login, clientCredentials, name }: ConnectRules, facts: NameFacts): Policy {
  const isKept = login === undefined && clientCredentials === 'keep';
  // A session has one CONNECT, and goes on for days.
  let unused = login;
  const named = (connect: Connect): ConnectChanges => {
    const template = name ?? (facts.name === undefined ? undefined : OWN_NAME);
    if (template === undefined) return {};
    const own = connect.fields.get('name');
    return {
      name: fillNameTemplate(template, { ...(typeof own === 'string' ? { name: own } : {}), ...facts }),
    };
  };
  return {
    needsEveryMessage: false,
    judgeConnect(connect) {
      // The server takes an empty credential for none.
      const hasOwn = CREDENTIAL_FIELDS.some((field) => (connect.fields.get(field) ?? '') !== '');
      if (clientCredentials !== 'refuse' || !hasOwn) return undefined;
      const expected = 'a CONNECT without credentials (connect.clientCredentials: refuse)';
      return { kind: 'end', reason: 'forbidden', problem: 'policy', expected };
    },
    connect(connect, { nonce }) {
      const credentials = unused?.fields(nonce);
      unused = undefined;
      return {
        ...(isKept ? {} : { ...WITHOUT_LOGIN, ...WITHOUT_ACCOUNT }),
        ...credentials,
        ...named(connect),
      };
    },
  };
}
