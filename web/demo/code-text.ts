export type CodeKind = 'js' | 'react' | 'cli';

/** What the page does now. */
export type CodeSubject = {
  readonly url: string;
  /** Subscribed to; `>` when there is none. */
  readonly pattern: string;
  readonly subject: string;
  readonly payload: string;
};

/** More of a payload makes no example. */
const MAX_PAYLOAD = 1_000;

/** A program that does the same: subscribes, and publishes once. A long payload is cut. */
export function codeOf(kind: CodeKind, now: CodeSubject): string {
  const { payload } = now;
  const isLong = payload.length > MAX_PAYLOAD;
  return KINDS[kind](isLong ? { ...now, payload: `${payload.slice(0, MAX_PAYLOAD)} …` } : now);
}

const KINDS: Readonly<Record<CodeKind, (now: CodeSubject) => string>> = {
  js: ({ url, pattern, subject, payload }) => `// npm install @nats-io/nats-core
import { wsconnect } from '@nats-io/nats-core';

const nats = await wsconnect({ servers: ${quoted(url)}, ignoreClusterUpdates: true });
nats.subscribe(${quoted(pattern)}, {
  callback: (error, message) => console.log(error ?? message.subject, message.string()),
});
nats.publish(${quoted(subject)}, ${quoted(payload)});`,

  react: ({ url, pattern }) => `// npm install @nats-io/nats-core
import { wsconnect } from '@nats-io/nats-core';
import { useEffect, useState } from 'react';

const connection = wsconnect({ servers: ${quoted(url)}, ignoreClusterUpdates: true });

export function useLastMessage(subject = ${quoted(pattern)}) {
  const [message, setMessage] = useState();
  useEffect(() => {
    const subscription = connection.then((nats) =>
      nats.subscribe(subject, { callback: (error, next) => error ?? setMessage(next) }),
    );
    return () => void subscription.then((live) => live.unsubscribe());
  }, [subject]);
  return message;
}`,

  cli: ({
    url,
    pattern,
    subject,
    payload,
  }) => `# A program sends no Origin: the gateway needs origins.missing: allow
nats --server ${shell(url)} sub ${shell(pattern)}
nats --server ${shell(url)} pub ${shell(subject)} ${shell(payload)}`,
};

const quoted = (text: string): string =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
const shell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
