import { KIND, natsJwt, newKey, seedOf, signerOf } from './nkeys.ts';

type Claims = Readonly<Record<string, unknown>>;

const UNLIMITED = { subs: -1, data: -1, payload: -1 };

/** An operator with one account, made for one test: a server configuration that knows both, and users of any lifetime. */
export class Operator {
  readonly #account = newKey(KIND.account);
  readonly config: string;

  constructor() {
    const operator = newKey(KIND.operator);
    const none = { imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
    const account = natsJwt(operator, this.#account.publicKey, {
      type: 'account',
      limits: { ...UNLIMITED, ...none },
    });
    this.config = [
      `operator: ${natsJwt(operator, operator.publicKey, { type: 'operator' })}`,
      'resolver: MEMORY',
      `resolver_preload: { ${this.#account.publicKey}: ${account} }`,
      '',
    ].join('\n');
  }

  /** A JWT of a user that expires in so many seconds. */
  userJwt(subject: string, seconds: number, nats: Claims = {}): string {
    const claims = { type: 'user', ...UNLIMITED, pub: {}, sub: {}, ...nats };
    return natsJwt(this.#account, subject, claims, { exp: Math.floor(Date.now() / 1000) + seconds });
  }

  /** A credentials file whose user expires in so many seconds. */
  creds(seconds: number): string {
    const seed = seedOf(KIND.user);
    const block = (what: string, text: string): string =>
      `-----BEGIN ${what}-----\n${text}\n------END ${what}------\n`;
    const jwt = this.userJwt(signerOf(seed).publicKey, seconds);
    return `${block('NATS USER JWT', jwt)}\n${block('USER NKEY SEED', seed)}`;
  }
}
