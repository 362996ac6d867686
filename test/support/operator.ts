import type { JwtContent } from '../../src/nats/user-jwt.ts';
import { KIND, natsJwt, newKey, seedOf, signerOf } from './nkeys.ts';

type Claims = Readonly<Record<string, unknown>>;

const UNLIMITED = { subs: -1, data: -1, payload: -1 };
const NO_LIMITS = { ...UNLIMITED, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };

/** An operator with one account, made for one test: a server configuration that knows both, and users of any lifetime. */
export class Operator {
  readonly #account = newKey(KIND.account);
  /** Public key of the account. */
  readonly account = this.#account.publicKey;
  /** Seed of a signing key of the account, for the role. */
  readonly roleSeed = seedOf(KIND.account);
  readonly config: string;

  /** `role`: what users may do whom the signing key has signed. `claims`: more of the account. */
  constructor(role: Claims = {}, claims: (account: string) => Claims = () => ({})) {
    const operator = newKey(KIND.operator);
    const scope = {
      kind: 'user_scope',
      key: signerOf(this.roleSeed).publicKey,
      role: 'web',
      template: { ...UNLIMITED, ...role },
    };
    const account = natsJwt(operator, this.account, {
      type: 'account',
      limits: NO_LIMITS,
      signing_keys: [scope],
      ...claims(this.account),
    });
    // Without it a server makes no requests of its own, such as those of an auth callout.
    const system = newKey(KIND.account).publicKey;
    const systemJwt = natsJwt(operator, system, { type: 'account', limits: NO_LIMITS });
    this.config = [
      `operator: ${natsJwt(operator, operator.publicKey, { type: 'operator' })}`,
      'resolver: MEMORY',
      `system_account: ${system}`,
      `resolver_preload: { ${this.account}: ${account}, ${system}: ${systemJwt} }`,
      '',
    ].join('\n');
  }

  /** A JWT that the account has signed. */
  jwt(subject: string, nats: Claims, more: Partial<JwtContent> = {}): string {
    return natsJwt(this.#account, subject, nats, more);
  }

  /** A JWT of a user that expires in so many seconds. */
  userJwt(subject: string, seconds: number, nats: Claims = {}): string {
    const claims = { type: 'user', ...UNLIMITED, pub: {}, sub: {}, ...nats };
    const expiresAt = Math.floor(Date.now() / 1000) + seconds;
    return this.jwt(subject, claims, { expiresAt });
  }

  /** The same user, whose JWT counts only in so many seconds. */
  userJwtOfLater(subject: string, seconds: number, nats: Claims = {}): string {
    const [head = '', body = ''] = this.userJwt(subject, seconds + 3600, nats).split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims;
    const later = { ...claims, nbf: Math.floor(Date.now() / 1000) + seconds };
    const signed = `${head}.${Buffer.from(JSON.stringify(later)).toString('base64url')}`;
    return `${signed}.${this.#account.sign(signed)}`;
  }

  /** A credentials file whose user expires in so many seconds. */
  creds(seconds: number, seed = seedOf(KIND.user)): string {
    const block = (what: string, text: string): string =>
      `-----BEGIN ${what}-----\n${text}\n------END ${what}------\n`;
    const jwt = this.userJwt(signerOf(seed).publicKey, seconds);
    return `${block('NATS USER JWT', jwt)}\n${block('USER NKEY SEED', seed)}`;
  }
}
