/** nats-server takes 4,096 bytes a line by default; the rest is for the verb, a queue and sizes. */
const MAX_SUBJECT_BYTES = 4_000;
/** So much of a subject's end is always shown. */
const MAX_TAIL_CHARACTERS = 20;

/** What is wrong with a subject, in a sentence that says what to write; undefined when nats-server takes it. */
export function subjectProblem(subject: string, use: 'publish' | 'subscribe'): string | undefined {
  if (subject === '') return 'Write a subject.';
  if (/\s/.test(subject)) return 'A subject has no spaces: part its words by dots.';
  const bytes = new TextEncoder().encode(subject).length;
  if (bytes > MAX_SUBJECT_BYTES)
    return `This subject has ${bytes.toLocaleString('en')} bytes; write ${MAX_SUBJECT_BYTES.toLocaleString('en')} at most.`;
  const tokens = subject.split('.');
  if (tokens.includes('')) return 'A part is empty: write a word between dots, and at both ends.';
  if (use === 'publish' && tokens.some((token) => token === '*' || token === '>'))
    return 'A message goes to one subject; * and > are for subscriptions.';
  if (tokens.indexOf('>') !== -1 && tokens.indexOf('>') < tokens.length - 1)
    return '> matches everything that follows: it must be the last part.';
  return undefined;
}

/** Whether a subscription to `pattern` gets what is published to `subject`. */
export function subjectMatches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return tokens.length > index;
    if (tokens[index] === undefined || (token !== '*' && token !== tokens[index])) return false;
  }
  return wanted.length === tokens.length;
}

/** A subject as its beginning, which may be cut where room is short, and its telling end. */
export function subjectEnds(subject: string): readonly [head: string, tail: string] {
  const dot = subject.lastIndexOf('.', subject.length - 2);
  const length = Math.min(subject.length - dot - 1, MAX_TAIL_CHARACTERS);
  return [subject.slice(0, -length), subject.slice(-length)];
}
