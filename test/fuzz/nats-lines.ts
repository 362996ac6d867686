/** Random client operations of NATS, right ones and hurt ones. Seeded, and fast: a run draws hundreds of thousands. */

export type Draw = {
  below(limit: number): number;
  chance(percent: number): boolean;
  pick<T>(list: readonly T[]): T;
};

/** mulberry32 */
export function drawFrom(seed: number): Draw {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    below: (limit) => next() % limit,
    chance: (percent) => next() % 100 < percent,
    pick: (list) => list[next() % list.length] as (typeof list)[number],
  };
}

/** The largest message that the servers of these tests take. */
export const MAX_PAYLOAD_BYTES = 600;
/** What a CONNECT of these operations says; the server knows it. */
export const CONNECT_OBJECT = '{"verbose":false,"pedantic":false,"headers":true,"user":"USER","pass":"p"}';

const SUBJECTS = [
  'a',
  'ob.a',
  'x.y.z',
  'ob..a',
  '.a',
  'a.',
  'ob.*',
  '>',
  '*',
  'a.>',
  '>.a',
  'ob.**',
  'q>',
  '\xc3\xa9',
  '\xff',
  'a\0b',
  'a\x0bb\x0c',
  '\x7f',
  'a\xc2\xa0b',
  'INFO',
  '2',
  '-1',
];
const SIDS = ['1', '22', 'sid', '007', '-', '\xfe', '"', '18446744073709551616'];
const SIZES = [
  '+2',
  '-1',
  '2.0',
  '0x2',
  '1e1',
  '',
  '٣',
  '999999999',
  '1000000000',
  '0000000002',
  String(MAX_PAYLOAD_BYTES),
  String(MAX_PAYLOAD_BYTES + 1),
  '601',
  '00000601',
];
const PAYLOADS = [
  '',
  'hi',
  'PING\r\n',
  'INFO {}\r\n',
  '\r\n',
  '\n',
  '\r',
  'PUB a 2\r\nhi\r\n',
  '\0\xff',
  'x'.repeat(50),
  'y'.repeat(MAX_PAYLOAD_BYTES),
];
const HEADERS = [
  'NATS/1.0\r\n\r\n',
  'NATS/1.0\r\nA: b\r\n\r\n',
  'NATS/1.0 503 No\r\n\r\n',
  '',
  'junk',
  '\r\n\r\n',
  'NATS/1.0\r\nA: b\r\n',
];
const BLANKS = [' ', ' ', ' ', ' ', ' ', ' ', ' ', '\t', '  ', ' \t ', '      '];
const PIECES = [
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  '\0',
  '0',
  '9',
  '-',
  '+',
  '.',
  '*',
  '>',
  'P',
  'x',
  '\xff',
  '{',
  '\x0b',
  '\x85',
  '\xa0',
];
const ENDS = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r\n', '\r\r\n', ' \r\n', ''];

export function clientBytes(draw: Draw): Buffer {
  let text = operation(draw);
  if (draw.chance(30)) for (let times = 1 + draw.below(2); times > 0; times--) text = hurt(text, draw);
  return Buffer.from(text, 'latin1');
}

function operation(draw: Draw): string {
  const blank = (): string => draw.pick(BLANKS);
  const end = (): string => (draw.chance(80) ? '\r\n' : draw.pick(ENDS));
  const subject = (): string => {
    if (draw.below(150) === 0) return 'l'.repeat(4080 + draw.below(30));
    return draw.chance(50) ? 'ob.a' : draw.pick(SUBJECTS);
  };
  const size = (length: number): string => {
    if (draw.chance(75)) return String(length);
    if (draw.chance(40)) return draw.pick(SIZES);
    return draw.chance(50)
      ? '0'.repeat(draw.below(10)) + length
      : String(Math.max(0, length + draw.below(5) - 2));
  };
  const reply = (): string =>
    draw.chance(30) ? `${draw.chance(50) ? 'r.1' : draw.pick(SUBJECTS)}${blank()}` : '';
  const verb = (word: string): string =>
    draw.chance(70) ? word : Array.from(word, (one) => (draw.chance(50) ? one.toLowerCase() : one)).join('');
  const wide = draw.below(200) === 0 ? draw.pick([' ', '\t']).repeat(draw.below(5000)) : '';
  switch (draw.below(20)) {
    case 0:
    case 1:
    case 2:
      return `${verb(draw.pick(['PING', 'PONG', '+OK']))}${draw.chance(20) ? draw.pick([' hello', 'x', '\0', ' \r ', 'z'.repeat(draw.below(9000))]) : ''}${end()}`;
    case 3:
    case 4:
    case 5:
      return `${verb('SUB')}${blank()}${wide}${subject()}${blank()}${draw.chance(20) ? `workers${blank()}` : ''}${draw.pick(SIDS)}${end()}`;
    case 6:
    case 7:
      return `${verb('UNSUB')}${blank()}${draw.pick(SIDS)}${draw.chance(40) ? `${blank()}${draw.pick(['1', '5', '0', '-1', 'x', ...SIZES])}` : ''}${end()}`;
    case 8:
      return `${verb('CONNECT')}${draw.chance(80) ? ' ' : draw.pick(['', '\t', '  '])}${wide}${CONNECT_OBJECT}${end()}`;
    case 9:
      return draw.pick([
        '',
        '\r\n',
        '-ERR x\r\n',
        '-ERR\r\n',
        'MSG a 1 2\r\nhi\r\n',
        'HMSG a 1 0 2\r\nhi\r\n',
        'INFO {}\r\n',
        'INFO\r\n',
        'A+ a\r\n',
        'A- a\r\n',
        'RS+ a b\r\n',
        'RS- a\r\n',
        'LS+ a\r\n',
        'RMSG a b 2\r\nhi\r\n',
        'LMSG a\r\n',
        'GET / HTTP/1.1\r\n',
        'CONNECT \r\n',
        'SUB\r\n',
        'P',
        'QUIT\r\n',
      ]);
    case 10:
    case 11:
    case 12: {
      const head = draw.pick(HEADERS);
      const payload = draw.pick(PAYLOADS);
      return `${verb('HPUB')}${blank()}${wide}${subject()}${blank()}${reply()}${size(head.length)}${blank()}${size(head.length + payload.length)}${end()}${head}${payload}\r\n`;
    }
    default: {
      const payload = draw.pick(PAYLOADS);
      return `${verb('PUB')}${blank()}${wide}${subject()}${blank()}${reply()}${size(payload.length)}${end()}${payload}\r\n`;
    }
  }
}

function hurt(text: string, draw: Draw): string {
  const line = text.indexOf('\n') + 1 || text.length;
  // Mostly in the control line.
  const at = draw.below((draw.chance(80) ? line : text.length) + 1);
  switch (draw.below(5)) {
    case 0:
      return text.slice(0, at) + draw.pick(PIECES) + text.slice(at);
    case 1:
      return text.slice(0, at) + draw.pick(PIECES) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + text.slice(at + 1);
    case 3:
      return text.slice(0, at) + String.fromCharCode(draw.below(256)) + text.slice(at + 1);
    default:
      return draw.chance(30)
        ? text.slice(0, at)
        : text.slice(0, at) + text.slice(at, at + 3) + text.slice(at);
  }
}
