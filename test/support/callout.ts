import { type ConnectionOptions, connect, type NatsConnection } from '@nats-io/transport-node';
import { claimsOfJwt } from '../../src/nats/user-jwt.ts';

/** What a request for authorization says (`nats` in its claims), as far as it matters here. */
export type CalloutRequest = {
  readonly server_id: { readonly id: string };
  readonly user_nkey: string;
  readonly client_info: { readonly user?: string; readonly name?: string; readonly type?: string };
  readonly connect_opts: {
    readonly user?: string;
    readonly pass?: string;
    readonly auth_token?: string;
    readonly jwt?: string;
    readonly name?: string;
  };
};

/** A service for auth callout: it says what nats-server is answered; undefined: nothing. */
export class Callout implements AsyncDisposable {
  readonly requests: CalloutRequest[] = [];
  readonly #connection: NatsConnection;

  private constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  static async start(
    options: ConnectionOptions,
    answer: (request: CalloutRequest) => string | undefined,
  ): Promise<Callout> {
    const callout = new Callout(await connect({ ...options, reconnect: false }));
    callout.#connection.subscribe('$SYS.REQ.USER.AUTH', {
      callback: (_error, message) => {
        const request = claimsOfJwt(message.string())?.['nats'] as CalloutRequest;
        callout.requests.push(request);
        const said = answer(request);
        if (said !== undefined) message.respond(said);
      },
    });
    await callout.#connection.flush();
    return callout;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection.close();
  }
}
