import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { CurlLine } from './curl-line.tsx';
import { type IsDue, type Read, startReading } from './reading.ts';
import { Trouble } from './trouble.tsx';

/** `path`: which one has answered. */
type Shown<T> = Read<T> & { readonly path?: string };

/**
 * What is read from a path for as long as a view shows it, when it is due. Until another path has answered, the answer
 * before stays.
 */
export function useReading<T>(path: string, isDue?: IsDue<T>): Shown<T> {
  const [shown] = useState(() => signal<Shown<T>>({}));
  useEffect(() => {
    const reading = startReading<T>(() => path, isDue);
    const unsubscribe = reading.read.subscribe((read) => {
      if (read.value !== undefined || read.trouble !== undefined) shown.value = { ...read, path };
    });
    return () => {
      unsubscribe();
      reading.stop();
    };
  }, [path, shown, isDue]);
  return shown.value;
}

/** Below a view: why nothing newer came, and how to get the same at a terminal. */
export function Below({ read, path }: { readonly read: Read<unknown>; readonly path: string }): VNode {
  return (
    <>
      {/* The page itself says that a token is needed. */}
      {read.trouble !== undefined && read.trouble.status !== 401 && (
        <Trouble trouble={read.trouble} isStale={read.value !== undefined} />
      )}
      <CurlLine path={path} />
    </>
  );
}
