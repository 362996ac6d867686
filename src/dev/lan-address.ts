import { BlockList } from 'node:net';
import { networkInterfaces } from 'node:os';

/** RFC 1918: addresses of networks at home and at work, where no stranger of the internet comes in. */
const PRIVATE = new BlockList();
PRIVATE.addSubnet('10.0.0.0', 8);
PRIVATE.addSubnet('172.16.0.0', 12);
PRIVATE.addSubnet('192.168.0.0', 16);

/** The first private IPv4 address of this machine in a network; undefined when it has none. */
export function lanAddress(interfaces = networkInterfaces()): string | undefined {
  return Object.values(interfaces)
    .flat()
    .find((found) => found?.family === 'IPv4' && !found.internal && PRIVATE.check(found.address))?.address;
}
