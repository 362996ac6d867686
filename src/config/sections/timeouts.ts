import { section, time, type ValuesOf } from '../keys.ts';
import type { Check } from './check.ts';

export const timeouts = section('Deadlines.', 'its keys below it, such as ping: 25s', {
  handshake: time('From the accepted connection to its answer, TLS included.', '5s', '10ms', '1m'),
  ping: time('Interval of WebSocket pings, with a jitter of 10 %.', '25s', '10ms', '1h'),
  silence: time('A client that sent no byte for this time is gone.', '5m', '10ms', '24h'),
  stall: time(
    'A side that makes no progress for this time, while bytes wait for it, is ended.',
    '30s',
    '10ms',
    '1h',
  ),
  close: time('Wait for the answer to a close frame.', '2s', '10ms', '1m'),
});
type Values = ValuesOf<typeof timeouts>;

export type TimeoutsConfig = Readonly<ReturnType<typeof timeoutsConfig>>;
export const timeoutsConfig = (values: Values) => ({
  handshakeMs: values.handshake,
  /** With a jitter of ± 10 % for each ping. */
  pingMs: values.ping,
  silenceMs: values.silence,
  stallMs: values.stall,
  closeMs: values.close,
});

export function checkTimeouts({ silence, ping }: Values, { problem, written }: Check): void {
  if (silence > ping) return;
  problem(
    'silence_not_above_ping',
    written(['timeouts', 'silence'], ['timeouts', 'ping']),
    'silence is not longer than ping, so every idle client would be taken for gone; write a silence of several pings, such as 5m for 25s',
  );
}
