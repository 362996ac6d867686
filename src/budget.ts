/**
 * What one process can carry, decided in one place from what the system gives it, so that no bound can break another.
 *
 * | descriptors for | how many | above it |
 * |---|---|---|
 * | Node, log, files, name lookups, the two listeners | 48 | |
 * | connections of the admin port | `admin` | that port drops silent ones |
 * | pending connections of the public port: no verdict yet, or answered and not closed | an eighth of the limit, 8 to 512 | the oldest goes, counted |
 * | such that were dropped and are not closed yet | an eighth of those | closed unanswered, counted |
 * | attempts beside the first one of a handshake, probes, health checks | a 64th of the limit, 4 to 128 | they wait |
 * | sessions and handshakes that dial, 2 each | the rest, 10,000 at most unless configured | 503 `over_capacity` |
 *
 * | memory for | how much | above it |
 * |---|---|---|
 * | the process without sessions | 64 MiB | |
 * | what waits for slow clients and servers, of all sessions together | a quarter | the longest stalled session ends, `overload` |
 * | what is free and not yet collected | a sixteenth | |
 * | pending connections | an eighth at most | there are fewer of them |
 * | sessions | the rest, each at what it was measured to cost | 503 `over_capacity` |
 *
 * Running out of descriptors must never happen: Node then drops connections without a word, and name lookups fail as
 * if the name did not exist. Running out of memory ends all sessions at once.
 */
export type Budget = {
  /** Sessions at once, handshakes that wait for their upstream included. */
  readonly sessions: number;
  readonly limitedBy: SessionLimit;
  /** As many as the memory carries, whatever is configured. */
  readonly sessionsByMemory: number;
  /** Connections of the public port that are no sessions, and hold none's place. */
  readonly pendingConnections: number;
  /** All connections of the public port: the last fence. */
  readonly maxConnections: number;
  /** Connections to upstreams beyond the one that each session has. */
  readonly extraDials: number;
  /** Bytes that all sessions together may have waiting; Infinity: no limit. */
  readonly bufferBytes: number;
};

/** What decided how many sessions may be open. */
export type SessionLimit = 'default' | 'configured' | 'descriptors' | 'memory';

/** The memory that all of this must fit into, and who says so. */
export type MemoryLimit = { readonly bytes: number; readonly from: 'configured' | 'container' | 'machine' };

export type BudgetWants = {
  /** undefined: as many as the process carries, 10,000 at most. */
  readonly configuredSessions: number | undefined;
  /** Descriptors that this process may have open; undefined: unknown, assumed to suffice. */
  readonly descriptors: number | undefined;
  /** Bytes that this process may use; undefined: nothing follows from it. */
  readonly memoryBytes: number | undefined;
  /** Connections that the admin port takes at once. */
  readonly adminConnections: number;
  /** Of the costliest route. */
  readonly shape: SessionShape;
  /** Header fields of one request, at most. */
  readonly headBytes: number;
};

/** What makes sessions costly. */
export type SessionShape = {
  readonly tls: boolean;
  readonly upstreamTls: boolean;
  readonly inspected: boolean;
  /** That an inspected session may hold of its operations. */
  readonly ringBytes: number;
  /** At once, at most. */
  readonly compressedSessions: number;
};

/** As many sessions as a default gateway lets in: what one process carries with ease. */
const DEFAULT_SESSIONS = 10_000;
/** 25 are open when the gateway is ready (Node 26.10); four lookups at once and a reload come on top. */
const RESERVED_DESCRIPTORS = 48;
const SESSION_DESCRIPTORS = 2;

const MiB = 2 ** 20;
const PROCESS_BYTES = 64 * MiB;
const BUFFER_SHARE = 1 / 4;
const PENDING_SHARE = 1 / 8;
/** V8 collects buffers after some 64 MiB of new ones: while sessions end by the hundred, those come on top. */
const GARBAGE_SHARE = 1 / 16;
/** Of each open session, idle after one subscription, right after a wave of handshakes. */
const SESSION_BYTES = { clear: 13_000, tls: 51_000, upstreamTls: 51_000, inspected: 12_000 } as const;
/** Of each compressed session, besides. */
const COMPRESSED_BYTES = 60_000;
/**
 * Of each pending connection, with room to spare (measured: 11 KB with a head of 8 KiB and a target of 8 KB, 81 KB with
 * one of 64 KiB, 31 KB half-way through TLS): besides its head, for each byte of it, and for the one in four that may
 * be within its TLS handshake.
 */
const PENDING_BYTES = { each: 24_000, headByte: 1.3, tls: 77_000 } as const;

/** @throws RangeError when more sessions are configured than the descriptors carry, with what to change. */
export function makeBudget(wants: BudgetWants): Budget {
  const { configuredSessions, descriptors, memoryBytes } = wants;
  const limit = descriptors ?? Number.POSITIVE_INFINITY;
  const pendingBytes =
    PENDING_BYTES.each +
    PENDING_BYTES.headByte * wants.headBytes +
    (wants.shape.tls ? PENDING_BYTES.tls / 4 : 0);
  const memory = memoryBytes ?? Number.MAX_SAFE_INTEGER;
  const pendingConnections = within(8, Math.min(limit / 8, (memory * PENDING_SHARE) / pendingBytes), 512);
  const closing = Math.ceil(pendingConnections / 8);
  const extraDials = within(4, limit / 64, 128);
  const others = RESERVED_DESCRIPTORS + wants.adminConnections + pendingConnections + closing + extraDials;
  const byDescriptors = Math.max(1, Math.floor((limit - others) / SESSION_DESCRIPTORS));
  if (configuredSessions !== undefined && configuredSessions > byDescriptors) {
    throw new RangeError(
      `limits.sessions: ${configuredSessions} sessions need ${SESSION_DESCRIPTORS * configuredSessions + others} file descriptors, and this process may open ${limit}; raise the limit (ulimit -n) or write at most ${byDescriptors}`,
    );
  }
  const bufferBytes = memoryBytes === undefined ? Number.POSITIVE_INFINITY : memoryBytes * BUFFER_SHARE;
  const sessionsByMemory = sessionsIn(
    memory * (1 - BUFFER_SHARE - GARBAGE_SHARE) - PROCESS_BYTES - pendingConnections * pendingBytes,
    wants.shape,
  );
  const sessions = configuredSessions ?? Math.min(DEFAULT_SESSIONS, byDescriptors, sessionsByMemory);
  return {
    sessions,
    limitedBy: limitOf(configuredSessions, byDescriptors, sessionsByMemory),
    sessionsByMemory,
    pendingConnections,
    maxConnections: sessions + pendingConnections + closing,
    extraDials,
    bufferBytes,
  };
}

function sessionsIn(
  bytes: number,
  { tls, upstreamTls, inspected, ringBytes, compressedSessions }: SessionShape,
): number {
  const each =
    SESSION_BYTES.clear +
    (tls ? SESSION_BYTES.tls : 0) +
    (upstreamTls ? SESSION_BYTES.upstreamTls : 0) +
    (inspected ? SESSION_BYTES.inspected + ringBytes : 0);
  const compressed = Math.min(compressedSessions, Math.floor(bytes / (each + COMPRESSED_BYTES)));
  return Math.max(1, Math.floor((bytes - compressed * COMPRESSED_BYTES) / each));
}

function limitOf(configured: number | undefined, byDescriptors: number, byMemory: number): SessionLimit {
  if (configured !== undefined) return 'configured';
  if (Math.min(byDescriptors, byMemory) >= DEFAULT_SESSIONS) return 'default';
  return byDescriptors <= byMemory ? 'descriptors' : 'memory';
}

/**
 * What somebody should know. That the system's limits cost a fifth of the default sessions or more: the usual limits of
 * 20,000 and 20,480 descriptors cost a few, which the ready line tells. Or that more is configured than the memory
 * carries: nobody is turned away for it, since what was measured is not what every session costs.
 */
export function budgetWarning({ sessions, limitedBy, sessionsByMemory }: Budget): string | undefined {
  if (limitedBy === 'configured') {
    if (sessions <= sessionsByMemory) return undefined;
    return `limits.sessions is ${sessions}, and the memory carries about ${sessionsByMemory}: more of them may get the process killed, and then all sessions end; give it more memory, or write less`;
  }
  if (sessions >= 0.8 * DEFAULT_SESSIONS) return undefined;
  return limitedBy === 'descriptors'
    ? 'the session cap was lowered to what the file-descriptor limit carries; raise the limit (ulimit -n)'
    : 'the session cap was lowered to what the memory carries; give the container more, or write limits.memory';
}

const within = (least: number, value: number, most: number): number =>
  Math.max(least, Math.min(most, Math.floor(value)));
