import { type GatewayOptions, startGateway } from '../gateway.ts';
import { createLog } from '../log.ts';
import { asText } from '../log-text.ts';
import { type Dev, type DevOptions, dev } from './dev.ts';
import { lanAddress } from './lan-address.ts';

export type DevCommand = Omit<DevOptions, 'startGateway' | 'lan'> & {
  /** Not for this machine alone. */
  readonly lan: boolean;
  readonly about: Pick<GatewayOptions, 'version' | 'nodeVersion' | 'pageFile' | 'readProcess'>;
  /** For the log. */
  readonly print: (text: string) => void;
  readonly colours: boolean;
};

/** `natsgate dev`, with a gateway whose log is text for the person at the terminal. As `dev`. */
export async function startDev({ lan, print, colours, about, ...options }: DevCommand): Promise<Dev> {
  const address = lan ? lanAddress() : undefined;
  if (lan && address === undefined)
    throw new Error('--lan finds no private IPv4 address of this machine; is it in a network?');
  return dev({
    ...options,
    lan: address,
    startGateway: async (config, onLogLine) => {
      const write = (line: string): void => {
        print(asText(line, colours));
        onLogLine(line);
      };
      const log = createLog(config.log, { write });
      const gateway = await startGateway(config, { ...about, log, firstDial: true });
      return {
        port: gateway.address.port,
        adminPort: gateway.adminAddress.port,
        drain: () => gateway.drain(),
        close: () => gateway.stop(),
      };
    },
  });
}
