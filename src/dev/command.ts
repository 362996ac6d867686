import { type GatewayOptions, startGateway } from '../gateway.ts';
import { createLog } from '../log.ts';
import { asText } from '../log-text.ts';
import { type Dev, type DevOptions, dev } from './dev.ts';

export type DevCommand = Omit<DevOptions, 'startGateway'> & {
  readonly about: Pick<GatewayOptions, 'version' | 'nodeVersion' | 'pageFile' | 'readProcess'>;
  /** For the log. */
  readonly print: (text: string) => void;
  readonly colours: boolean;
};

/** `natsgate dev`, with a gateway whose log is text for the person at the terminal. As `dev`. */
export function startDev({ print, colours, about, ...options }: DevCommand): Promise<Dev> {
  return dev({
    ...options,
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
        close: () => gateway.stop(),
      };
    },
  });
}
