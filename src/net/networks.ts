import { BlockList } from 'node:net';
import { parseIpAddress } from './ip-address.ts';

/** Networks of proxies that are believed. Immutable. */
export type TrustedProxies = {
  /** True for an address in one of the networks, in any spelling. */
  has(address: string): boolean;
};

export type Network = { readonly family: 'ipv4' | 'ipv6'; readonly address: string; readonly prefix: number };

/** Compiles networks in CIDR form; an address alone is a network of one. Throws on anything else. */
export function compileTrustedProxies(cidrs: readonly string[]): TrustedProxies {
  if (cidrs.length === 0) return { has: () => false };
  // One list a family: in a common one, ::/0 would match every IPv4 address too, by way of its mapped form.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const cidr of cidrs) {
    const network = parseNetwork(cidr);
    if (network === undefined) throw new Error(`${JSON.stringify(cidr)} is not a network`);
    lists[network.family].addSubnet(network.address, network.prefix, network.family);
  }
  return {
    has(text) {
      const address = parseIpAddress(text);
      return address !== undefined && lists[address.family].check(address.text, address.family);
    },
  };
}

/** Reads `address/prefix`; an address alone is a network of one. Undefined for anything else. */
export function parseNetwork(cidr: string): Network | undefined {
  const slash = cidr.indexOf('/');
  const written = slash === -1 ? cidr : cidr.slice(0, slash);
  const address = parseIpAddress(written);
  if (address === undefined) return undefined;
  // A network written in the mapped form, ::ffff:10.0.0.0/104, counts its prefix from the IPv6 end.
  const mappedBits = address.family === 'ipv4' && written.includes(':') ? 96 : 0;
  const bits = address.family === 'ipv4' ? 32 : 128;
  const prefix = slash === -1 ? bits : parsePrefix(cidr.slice(slash + 1)) - mappedBits;
  if (!(prefix >= 0 && prefix <= bits)) return undefined;
  return { family: address.family, address: address.text, prefix };
}

/** NaN for anything but plain decimal digits. */
function parsePrefix(text: string): number {
  return /^(0|[1-9][0-9]{0,2})$/.test(text) ? Number(text) : Number.NaN;
}
