import { OPCODES } from '../../websocket/frame-counters.ts';
import { by, byDirection, bytesOf, LISTENER, type Metric, one } from './metric.ts';

/** What sessions carry, and what waits. */
export const TRAFFIC_METRICS: readonly Metric[] = [
  {
    name: 'natsgate_transfer_bytes_total',
    kind: 'counter',
    help: 'NATS bytes carried.',
    labels: ['listener', 'direction'],
    samples: (s) => by('direction', bytesOf(s.traffic), LISTENER),
  },
  {
    name: 'natsgate_wire_bytes_total',
    kind: 'counter',
    help: 'Bytes on client sockets, framing included, TLS excluded.',
    labels: ['listener', 'direction'],
    samples: ({ frames }) =>
      by('direction', { to_upstream: frames.clientWireBytes, to_client: frames.sentWireBytes }, LISTENER),
  },
  {
    name: 'natsgate_frames_total',
    kind: 'counter',
    help: 'WebSocket frames from clients (to_upstream) and to clients.',
    labels: ['listener', 'direction', 'opcode'],
    samples: ({ frames }) => {
      const to_upstream = Object.fromEntries(
        OPCODES.map((name, index) => [name, frames.clientFrames[index] ?? 0]),
      );
      const to_client = { binary: frames.sentBinaryFrames, ping: frames.sentPings };
      return byDirection('opcode', { to_upstream, to_client }, LISTENER);
    },
  },
  {
    name: 'natsgate_backpressure_paused_sessions',
    kind: 'gauge',
    help: 'Sessions not read from on this side because the other side is slow.',
    labels: ['side'],
    samples: ({ traffic }) =>
      by('side', { client: traffic.clientsPausedNow, upstream: traffic.upstreamsPausedNow }),
  },
  {
    name: 'natsgate_backpressure_pauses_total',
    kind: 'counter',
    help: 'Times that reading from this side was paused.',
    labels: ['side'],
    samples: ({ traffic }) => by('side', { client: traffic.clientPauses, upstream: traffic.upstreamPauses }),
  },
  {
    name: 'natsgate_rate_limited_total',
    kind: 'counter',
    help: 'Times that a limit of rates was exceeded, by what followed.',
    labels: ['scope', 'kind', 'action'],
    samples: ({ counters }) =>
      Object.entries(counters.rateLimits).flatMap(([scope, kinds]) =>
        Object.entries(kinds).flatMap(([kind, actions]) => by('action', actions, { scope, kind })),
      ),
  },
  {
    name: 'natsgate_rate_delay_seconds_total',
    kind: 'counter',
    help: 'How long sessions were not read from because of a limit of rates; delays that are over.',
    labels: ['scope'],
    samples: ({ counters }) => by('scope', counters.delaySeconds),
  },
  {
    name: 'natsgate_rate_delayed_sessions',
    kind: 'gauge',
    help: 'Sessions not read from now because of a limit of rates.',
    labels: [],
    samples: ({ delayed }) => one(delayed),
  },
  {
    name: 'natsgate_buffered_bytes',
    kind: 'gauge',
    help: 'Bytes waiting in the process to be written to this side.',
    labels: ['side'],
    samples: (s) => by('side', s.buffered),
  },
  {
    name: 'natsgate_buffer_held_bytes',
    kind: 'gauge',
    help: 'Memory that bytes take which wait in the process for slow clients and servers.',
    labels: [],
    samples: ({ overload }) => one(overload.heldBytes),
  },
  {
    name: 'natsgate_buffer_limit_bytes',
    kind: 'gauge',
    help: 'Above so much of it the sessions end that have waited longest; absent without a limit.',
    labels: [],
    samples: ({ overload: { limitBytes } }) => one(Number.isFinite(limitBytes) ? limitBytes : undefined),
  },
  {
    name: 'natsgate_compressed_sessions_active',
    kind: 'gauge',
    help: 'Open sessions with permessage-deflate.',
    labels: ['listener'],
    samples: ({ counters }) => one(counters.compression.active, LISTENER),
  },
  {
    name: 'natsgate_compression_handshakes_total',
    kind: 'counter',
    help: 'Accepted handshakes by what became of permessage-deflate, while compression is on.',
    labels: ['listener', 'result'],
    samples: ({ counters }) => {
      const { active: _, ...results } = counters.compression;
      return by('result', results, LISTENER);
    },
  },
];
