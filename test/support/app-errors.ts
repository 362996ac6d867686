import {
  credsAuthenticator,
  type NatsConnection,
  usernamePasswordAuthenticator,
  wsconnect,
} from '@nats-io/nats-core';

/**
 * What an application sees of an error, in Node and (bundled) in a browser: every error that reaches it, in order, as
 * `where: class: message`.
 */

export type Scenario =
  | 'bad credentials'
  | 'publish not permitted'
  | 'subscribe not permitted'
  | 'maximum payload'
  | 'expired user'
  | 'server shutdown';

export type Login = { readonly user?: string; readonly pass?: string; readonly creds?: string };

const TIMEOUT_MS = 30_000;

export async function appErrors(url: string, scenario: Scenario, login: Login): Promise<string[]> {
  const seen: string[] = [];
  const saw = (where: string, error: unknown): void => {
    const { name, message } = error as Error;
    seen.push(`${where}: ${name}: ${message}`);
  };
  let client: NatsConnection;
  try {
    client = await wsconnect({
      servers: url,
      reconnect: false,
      timeout: TIMEOUT_MS,
      authenticator:
        login.creds === undefined
          ? usernamePasswordAuthenticator(login.user ?? '', login.pass)
          : credsAuthenticator(new TextEncoder().encode(login.creds)),
    });
  } catch (error) {
    saw('connect', error);
    return seen;
  }
  const told = Promise.withResolvers<void>();
  void (async () => {
    for await (const status of client.status()) {
      if (status.type === 'error') saw('status', status.error);
      else if (status.type === 'disconnect') seen.push('status: disconnect');
      if (status.type === 'error') told.resolve();
    }
  })();
  const closed = client.closed().then((error) => {
    if (error instanceof Error) saw('closed', error);
    else seen.push('closed');
  });
  const late = new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(new Error(`still ${seen.join(', ')}`)), TIMEOUT_MS);
  });
  await Promise.race([act(client, scenario, saw, told.promise, closed), late]);
  await client.close();
  return seen;
}

async function act(
  client: NatsConnection,
  scenario: Scenario,
  saw: (where: string, error: unknown) => void,
  told: Promise<void>,
  closed: Promise<void>,
): Promise<void> {
  switch (scenario) {
    case 'publish not permitted':
      client.publish('secret.a');
      await told;
      await client.flush();
      return;
    case 'subscribe not permitted': {
      const subscription = client.subscribe('secret.a', {
        callback: (error) => {
          if (error !== null) saw('subscription', error);
        },
      });
      void subscription.closed.then((error) => {
        if (error instanceof Error) saw('subscription closed', error);
      });
      await told;
      await client.flush();
      return;
    }
    case 'maximum payload': {
      // The client checks first; a stale limit is how the server gets to see such a message.
      if (client.info !== undefined) client.info.max_payload = 1_000_000;
      client.publish('ok', new Uint8Array(100_000));
      return closed;
    }
    case 'server shutdown':
      client.publish('ready');
      return closed;
    default:
      return closed;
  }
}

(globalThis as { appErrors?: typeof appErrors }).appErrors = appErrors;
