import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Json = Readonly<Record<string, unknown>>;

export type SigningKey = {
  readonly kid: string;
  readonly algorithm: string;
  readonly key: KeyObject;
  readonly jwk: Json;
};

/** A key pair as an issuer has it. */
export function signingKey(kid: string, algorithm: 'ES256' | 'RS256' | 'EdDSA' = 'ES256'): SigningKey {
  const { privateKey, publicKey } =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : algorithm === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ed25519');
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' };
  return { kid, algorithm, key: privateKey, jwk };
}

export const encoded = (value: Json | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A token by hand, so that it may be as wrong as a test wants it. `claims`: as JSON text, or to be made into it. */
export function token(by: SigningKey, claims: Json | string, header: Json = {}): string {
  const head = encoded({ alg: by.algorithm, kid: by.kid, ...header });
  const input = `${head}.${encoded(claims)}`;
  return `${input}.${signature(by, input)}`;
}

function signature({ algorithm, key }: SigningKey, input: string): string {
  const digest = algorithm === 'EdDSA' ? undefined : 'sha256';
  return sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

/** The same with a shared secret. */
export function secretToken(secret: Buffer | string, claims: Json, header: Json = {}): string {
  const input = `${encoded({ alg: 'HS256', ...header })}.${encoded(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

export const seconds = (fromNow: number): number => Math.floor(Date.now() / 1000) + fromNow;

/** A server with a key set. It counts who asks, and answers as a test wants it to. */
export class Issuer extends EventEmitter implements AsyncDisposable {
  readonly #server: Server;
  readonly requests: string[] = [];
  keys: readonly SigningKey[];
  /** In place of the key set. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;

  private constructor(keys: readonly SigningKey[]) {
    super();
    this.keys = keys;
    this.#server = createServer((request, response) => {
      this.requests.push(request.url ?? '');
      if (this.answer === undefined) response.end(JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) }));
      else this.answer(request, response);
      this.emit('request');
    });
  }

  static async start(...keys: readonly SigningKey[]): Promise<Issuer> {
    const issuer = new Issuer(keys);
    issuer.#server.listen(0, '127.0.0.1');
    await once(issuer.#server, 'listening');
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/jwks`;
  }

  /** Claims that count, with changes; undefined takes one away. */
  claims(changes: Json = {}): Json {
    return { iss: 'https://id.example', aud: 'nats-web', sub: 'alice', exp: seconds(600), ...changes };
  }

  /** A token of the first key. */
  token(changes: Json = {}, header: Json = {}): string {
    return token(this.keys[0] as SigningKey, this.claims(changes), header);
  }

  /** When so many requests have come. */
  async asked(times: number): Promise<void> {
    while (this.requests.length < times) await once(this, 'request', { signal: AbortSignal.timeout(30_000) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
