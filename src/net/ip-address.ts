import { isIPv4, isIPv6 } from 'node:net';

/** Longest spelling of an IPv6 address: eight groups, the last two as a dotted quad. */
const MAX_IPV6_LENGTH = 45;

export type IpAddress = {
  readonly family: 'ipv4' | 'ipv6';
  /** Dotted quad, or the spelling of RFC 5952 §4. Equal addresses have equal texts. */
  readonly text: string;
};

/**
 * Reads an IP literal and gives it its one canonical spelling. An IPv4 address mapped into IPv6
 * (`::ffff:192.0.2.1`, as dual-stack sockets report their peers) comes back as IPv4. Undefined for anything
 * else, zones (`%eth0`) and historic IPv4 spellings included.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 'ipv4', text };
  const groups = ipv6Groups(text);
  if (groups === undefined) return undefined;
  const mapped = mappedIpv4(groups);
  if (mapped !== undefined) return { family: 'ipv4', text: mapped };
  return { family: 'ipv6', text: formatIpv6(groups) };
}

/** The canonical spelling of an IPv6 literal without brackets; mapped addresses stay IPv6, as in browsers. */
export function canonicalIpv6(text: string): string | undefined {
  const groups = ipv6Groups(text);
  return groups === undefined ? undefined : formatIpv6(groups);
}

/** The eight 16-bit groups of an IPv6 literal without zone, or undefined. */
export function ipv6Groups(text: string): readonly number[] | undefined {
  // isIPv6 lets a zone through; a zone means nothing outside the machine it was written on.
  if (text.length > MAX_IPV6_LENGTH || text.includes('%') || !isIPv6(text)) return undefined;
  const [head = '', tail] = text.split('::');
  const headGroups = groupsOf(head);
  const tailGroups = groupsOf(tail ?? '');
  const zeros = new Array<number>(8 - headGroups.length - tailGroups.length).fill(0);
  return [...headGroups, ...zeros, ...tailGroups];
}

/** RFC 5952 §4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
export function formatIpv6(groups: readonly number[]): string {
  let runStart = 0;
  let runLength = 0;
  let zeros = 0;
  for (const [index, group] of groups.entries()) {
    zeros = group === 0 ? zeros + 1 : 0;
    if (zeros > runLength) {
      runLength = zeros;
      runStart = index + 1 - zeros;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (runLength < 2) return hex.join(':');
  return `${hex.slice(0, runStart).join(':')}::${hex.slice(runStart + runLength).join(':')}`;
}

function groupsOf(part: string): number[] {
  if (part === '') return [];
  const groups: number[] = [];
  for (const piece of part.split(':')) {
    if (piece.includes('.')) {
      const [a = 0, b = 0, c = 0, d = 0] = piece.split('.').map(Number);
      groups.push(a * 256 + b, c * 256 + d);
    } else {
      groups.push(Number.parseInt(piece, 16));
    }
  }
  return groups;
}

function mappedIpv4(groups: readonly number[]): string | undefined {
  const [, , , , , marker, high = 0, low = 0] = groups;
  if (marker !== 0xffff || groups.slice(0, 5).some((group) => group !== 0)) return undefined;
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}
