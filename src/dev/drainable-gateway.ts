import type { Config } from '../config/config.ts';

/** What `dev` needs of the running gateway. */
export type DevGateway = {
  readonly port: number;
  readonly adminPort?: number;
  /** Ends all sessions in order, and then the gateway. */
  drain(): Promise<void>;
  close(): Promise<void>;
};

/** The gateway of `natsgate dev`: it can be drained, and is then started again on the same ports. */
export class DrainableGateway {
  readonly port: number;
  readonly adminPort: number | undefined;
  readonly #again: () => Promise<DevGateway>;
  #gateway: DevGateway;
  #draining: Promise<void> | undefined;
  #isClosed = false;

  private constructor(gateway: DevGateway, again: () => Promise<DevGateway>) {
    this.#gateway = gateway;
    this.#again = again;
    this.port = gateway.port;
    this.adminPort = gateway.adminPort;
  }

  static async start(
    config: Config,
    start: (config: Config) => Promise<DevGateway>,
  ): Promise<DrainableGateway> {
    const first = await start(config);
    const { listen, admin } = config;
    return new DrainableGateway(first, () =>
      start({
        ...config,
        listen: { ...listen, address: { ...listen.address, port: first.port } },
        admin: { ...admin, address: { ...admin.address, port: first.adminPort ?? admin.address.port } },
      }),
    );
  }

  /** Resolves when it listens again, if nobody closed it meanwhile. */
  drain(): Promise<void> {
    this.#draining ??= this.#drain().finally(() => (this.#draining = undefined));
    return this.#draining;
  }

  async #drain(): Promise<void> {
    await this.#gateway.drain();
    if (!this.#isClosed) this.#gateway = await this.#again();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#gateway.close();
    await this.#draining?.catch(() => {}); // the page heard of it
    await this.#gateway.close();
  }
}
