import { gauge, quantiles, type Row, rate, sumBy } from './panels.ts';

/** What sessions carry, by route, by direction and by who is slow. */
export const TRAFFIC_ROWS: readonly Row[] = [
  {
    title: 'Routes',
    panels: [
      {
        title: 'Sessions by route',
        about: 'A route goes by host and path as written; default is that of the keys at the top.',
        unit: 'short',
        width: 8,
        queries: sumBy(['route'], gauge('natsgate_route_connections_active')),
      },
      {
        title: 'Handshakes by route',
        about: 'Those whose route was found, by the class of their outcome.',
        unit: 'ops',
        width: 8,
        queries: sumBy(['route', 'outcome_class'], rate('natsgate_route_handshakes_total')),
      },
      {
        title: 'Bytes by route',
        about: 'Carried in each direction.',
        unit: 'Bps',
        width: 8,
        queries: sumBy(['route', 'direction'], rate('natsgate_route_transfer_bytes_total')),
      },
    ],
  },
  {
    title: 'Traffic',
    panels: [
      {
        title: 'Bytes',
        about: 'NATS bytes in each direction.',
        unit: 'Bps',
        width: 6,
        queries: sumBy(['direction'], rate('natsgate_transfer_bytes_total')),
      },
      {
        title: 'Frames',
        about: 'WebSocket frames by opcode.',
        unit: 'ops',
        width: 6,
        queries: [
          [`sum by (direction, opcode) (${rate('natsgate_frames_total')}) > 0`, '{{direction}} {{opcode}}'],
        ],
      },
      {
        title: 'Mean frame',
        about: 'Bytes of a binary frame.',
        unit: 'bytes',
        width: 6,
        queries: [
          [
            `sum by (direction) (${rate('natsgate_transfer_bytes_total')}) / (sum by (direction) (${rate('natsgate_frames_total', 'opcode="binary"')}) > 0)`,
            '{{direction}}',
          ],
        ],
      },
      {
        title: 'Wire to payload',
        about: 'Below 1 is what compression saves, above it what framing costs.',
        unit: 'percentunit',
        width: 6,
        queries: [
          [
            `sum by (direction) (${rate('natsgate_wire_bytes_total')}) / (sum by (direction) (${rate('natsgate_transfer_bytes_total')}) > 0)`,
            '{{direction}}',
          ],
        ],
      },
      {
        title: 'Ping round trip',
        about: 'WebSocket ping to pong: the network between gateway and client.',
        unit: 's',
        width: 12,
        queries: quantiles('natsgate_ping_rtt_seconds'),
      },
      {
        title: 'Refused input',
        about: 'Frames and messages that were refused.',
        unit: 'ops',
        width: 12,
        queries: sumBy(['reason'], rate('natsgate_rejected_messages_total')),
      },
    ],
  },
  {
    title: 'Backpressure',
    panels: [
      {
        title: 'Paused sessions',
        about: 'Side upstream: slow clients. Side client: a slow server.',
        unit: 'short',
        width: 8,
        queries: sumBy(['side'], gauge('natsgate_backpressure_paused_sessions')),
      },
      {
        title: 'Pauses',
        about: 'Times that reading was paused.',
        unit: 'ops',
        width: 8,
        queries: sumBy(['side'], rate('natsgate_backpressure_pauses_total')),
      },
      {
        title: 'Buffered bytes',
        about: 'Waiting in the process, and the memory held by it; above its limit sessions end (overload).',
        unit: 'bytes',
        width: 8,
        queries: [
          ...sumBy(['side'], gauge('natsgate_buffered_bytes')),
          [`sum(${gauge('natsgate_buffer_held_bytes')})`, 'held'],
          [`sum(${gauge('natsgate_buffer_limit_bytes')})`, 'limit of held'],
        ],
      },
    ],
  },
];
