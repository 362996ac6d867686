/**
 * What client libraries make of an `-ERR` that comes in the middle of a session and is followed by the end of the
 * connection: imitated from their sources of summer 2026, each in the words and the order of its own code. nats.js and
 * nats.ws are not here: tests ask these themselves.
 */

export type Reading = 'returns' | 'stops';

/** `text` without its quotes. For errors of login: what the client has seen at its last connection. */
type Read = (text: string, last?: string) => Reading;

/** nats.go, `processErr`: what it does not know closes the connection for ever. */
const go: Read = (text, last) => {
  const error = text.toLowerCase();
  const known = [
    'stale connection',
    'maximum connections exceeded',
    'maximum account active connections exceeded',
  ];
  if (known.includes(error)) return 'returns';
  // Told to the application; the connection goes on until the server ends it.
  if (['permissions violation', 'maximum subscriptions exceeded'].some((one) => error.startsWith(one)))
    return 'returns';
  const login = [
    'authorization violation',
    'user authentication expired',
    'user authentication revoked',
    'account authentication expired',
  ];
  if (login.some((one) => error.startsWith(one))) return twice(text, last);
  return 'stops';
};

/** nats.c, `natsConn_processErr`, without `reconnectOnProtocolError`, which is off unless asked for. */
const c: Read = (text, last) => {
  const error = text.toLowerCase();
  if (error === 'stale connection' || error.includes('permissions violation')) return 'returns';
  const login = ['authorization violation', 'authentication expired', 'authentication revoked'];
  if (login.some((one) => error.includes(one))) return twice(text, last);
  return 'stops';
};

/** nats.py, `_process_err`: it does not return even after an error of login. */
const py: Read = (text) => {
  const error = text.toLowerCase();
  return error.includes('stale connection') || error.includes('permissions violation') ? 'returns' : 'stops';
};

/** nats-core for Python, nats.rs: told to the application, whatever it is. */
const told: Read = () => 'returns';

/** nats.java, `processError`: errors of login are remembered for the next attempt. */
const java: Read = (text, last) => {
  const error = text.toLowerCase();
  const isLogin =
    error.startsWith('user authentication') ||
    error.includes('authorization violation') ||
    error.startsWith('account authentication expired');
  return isLogin ? twice(text, last) : 'returns';
};

/** nats.net, `IsAuthError`: likewise, of one text. */
const net: Read = (text, last) =>
  text.toLowerCase().includes('authorization violation') ? twice(text, last) : 'returns';

const twice = (text: string, last: string | undefined): Reading => (text === last ? 'stops' : 'returns');

export const CLIENT_READINGS = {
  'nats.go': go,
  'nats.c': c,
  'nats.py': py,
  'nats-core (Python)': told,
  'nats.rs': told,
  'nats.java': java,
  'nats.net': net,
} as const satisfies Record<string, Read>;

export type ImitatedClient = keyof typeof CLIENT_READINGS;
