import { MAX_INFO_BYTES } from './info.ts';
import { type JsonMember, scanJsonObject } from './json-object.ts';
import { foldKey } from './json-text.ts';

export type HiddenField = 'host' | 'port' | 'cluster' | 'server_name' | 'git_commit' | 'go' | 'ip';

export type InfoRules = {
  /**
   * The addresses to which clients will reconnect. A list goes into every INFO, whether the server named addresses or
   * not: it is true at any time, and nats.js forgets the addresses that the newest INFO does not repeat.
   */
  readonly connectUrls: 'keep' | 'drop' | readonly string[];
  /**
   * Whether the client's side is TLS, because the server describes its own side. Left out: INFO keeps what the server
   * wrote.
   */
  readonly tls?: boolean;
  /** The address of the real client. */
  readonly clientIp?: string;
  readonly hide: readonly HiddenField[];
  /** The client needs no login: the gateway has one. */
  readonly needsNoLogin?: boolean;
  /** Most bytes of a message that the client may send; the server's own limit where that is less. */
  readonly maxPayload?: number;
  /** Bytes by which the gateway makes each message longer: the server's own limit is less by these. */
  readonly addedBytes?: number;
  /** Tells the client to move on, as a server in lame duck mode does. */
  readonly ldm?: true;
};

/** A JSON text, or undefined to remove the member. */
type Change = {
  readonly name: string;
  readonly value: string | undefined;
  readonly addWhenMissing: boolean;
};

/**
 * A server sends these in each INFO, so that typed clients may rely on them: hidden, they keep their type and say
 * nothing (0.0.0.0 is what most servers send). What a server may leave out by itself is removed.
 */
const NEUTRAL: Readonly<Partial<Record<HiddenField, string>>> = {
  host: '"0.0.0.0"',
  port: '0',
  server_name: '""',
  go: '""',
};

const LF = 0x0a;
const VERB = 'INFO';
const COMMA = Buffer.from(',');
const HEAD = Buffer.from('INFO {');
const TAIL = Buffer.from('} \r\n');

/**
 * One INFO line (LF included) under the rules; undefined when it is none. Members that no rule names keep their bytes
 * and their order; new ones come after them. When nothing changes, the answer is `line` itself.
 */
export function rewriteInfo(line: Buffer, rules: InfoRules): Buffer | undefined {
  if (line.length > MAX_INFO_BYTES || line.indexOf(LF) !== line.length - 1) return undefined;
  if (line.toString('latin1', 0, VERB.length).toUpperCase() !== VERB) return undefined;
  const json = line.subarray(VERB.length);
  const scan = scanJsonObject(json);
  if (scan.kind === 'invalid') return undefined;
  const changes = changesOf(rules, maxPayloadIn(json, scan.members));
  const kept: Buffer[] = [];
  const done = new Set<Change>();
  let changed = false;
  for (const member of scan.members) {
    const change = changes.get(foldKey(member.key));
    const same = change === undefined || (!done.has(change) && isAsWanted(json, member, change));
    if (same) kept.push(json.subarray(member.keyStart, member.valueEnd));
    else if (!done.has(change) && change.value !== undefined) kept.push(memberOf(change));
    if (change !== undefined) done.add(change);
    changed ||= !same;
  }
  for (const change of changes.values()) {
    if (!change.addWhenMissing || done.has(change)) continue;
    kept.push(memberOf(change));
    changed = true;
  }
  if (!changed) return line;
  const members = kept.flatMap((member, index) => (index === 0 ? [member] : [COMMA, member]));
  return Buffer.concat([HEAD, ...members, TAIL]);
}

function isAsWanted(json: Buffer, member: JsonMember, change: Change): boolean {
  if (member.key !== change.name || change.value === undefined) return false;
  return json.subarray(member.valueStart, member.valueEnd).equals(Buffer.from(change.value));
}

/** Of the server; undefined: it has none that can be read. */
function maxPayloadIn(json: Buffer, members: readonly JsonMember[]): number | undefined {
  const member = members.find(({ key }) => key === 'max_payload');
  const text = member && json.toString('latin1', member.valueStart, member.valueEnd);
  return text !== undefined && /^[1-9]\d{0,15}$/.test(text) ? Number(text) : undefined;
}

function memberOf(change: Change): Buffer {
  return Buffer.from(`"${change.name}":${change.value}`);
}

/** By folded name, since some clients fold as servers do. */
function changesOf(rules: InfoRules, own = Number.POSITIVE_INFINITY): ReadonlyMap<string, Change> {
  const changes = new Map<string, Change>();
  const change = (name: string, value: string | undefined, addWhenMissing = value !== undefined): void => {
    changes.set(foldKey(name), { name, value, addWhenMissing });
  };
  const { connectUrls, tls, clientIp, hide, needsNoLogin, maxPayload = own, addedBytes = 0, ldm } = rules;
  if (connectUrls !== 'keep') {
    const isList = connectUrls !== 'drop' && connectUrls.length > 0;
    change('connect_urls', isList ? JSON.stringify(connectUrls) : undefined);
    change('ws_connect_urls', undefined);
  }
  if (tls !== undefined) {
    // False is left out, as the server leaves it out.
    change('tls_required', tls ? 'true' : undefined);
    change('tls_available', tls ? 'true' : undefined);
    change('tls_verify', undefined);
  }
  if (clientIp !== undefined) change('client_ip', JSON.stringify(clientIp));
  for (const field of hide) change(field, NEUTRAL[field], false);
  // False is left out, as the server leaves it out.
  if (needsNoLogin) change('auth_required', undefined);
  const mostBytes = Math.min(maxPayload, Math.max(1, own - addedBytes));
  if (mostBytes < own) change('max_payload', String(mostBytes));
  if (ldm) change('ldm', 'true');
  return changes;
}
