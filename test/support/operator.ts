import { nkeys } from '@nats-io/nats-core';

/** An operator with one account, made for one test: a server configuration that knows both, and users of any lifetime. */
export class Operator {
  readonly #account = nkeys.createAccount();
  readonly config: string;

  constructor() {
    const operator = nkeys.createOperator();
    const unlimited = { subs: -1, data: -1, payload: -1 };
    const none = { imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
    const name = operator.getPublicKey();
    const account = this.#account.getPublicKey();
    const operatorJwt = token(operator, name, { type: 'operator', version: 2 });
    const claims = { type: 'account', version: 2, limits: { ...unlimited, ...none } };
    this.config = `operator: ${operatorJwt}\nresolver: MEMORY\nresolver_preload: { ${account}: ${token(operator, account, claims)} }\n`;
  }

  /** A credentials file whose user expires in so many seconds. */
  creds(seconds: number): string {
    const user = nkeys.createUser();
    const claims = { type: 'user', version: 2, subs: -1, data: -1, payload: -1, pub: {}, sub: {} };
    const exp = Math.floor(Date.now() / 1000) + seconds;
    const jwt = token(this.#account, user.getPublicKey(), claims, exp);
    const seed = new TextDecoder().decode(user.getSeed());
    const block = (what: string, text: string): string =>
      `-----BEGIN ${what}-----\n${text}\n------END ${what}------\n`;
    return `${block('NATS USER JWT', jwt)}\n${block('USER NKEY SEED', seed)}`;
  }
}

function token(issuer: nkeys.KeyPair, subject: string, nats: object, exp?: number): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    jti: subject,
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    name: 'test',
    sub: subject,
    ...(exp === undefined ? {} : { exp }),
    nats,
  };
  const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url')}`;
}
