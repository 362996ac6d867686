/** Notices that files may have changed. Whether they have, their content says (files.ts). */
import { type FSWatcher, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/** Several events belong to one change; it is over when it has been quiet for so long. */
const QUIET_MS = 100;
/** In a folder that is never quiet, what was noticed is reported after this time. */
const MOST_MS = 1000;
/** For what no event tells of: other file systems, links further up, a folder that was replaced. */
const POLL_MS = 10_000;

type Watched = { readonly watcher: FSWatcher; readonly identity: string };

/**
 * Calls `onHint` after each change in one of the followed folders, and every 10 s. Folders are watched, not files:
 * editors replace a file by another one, and Kubernetes swaps a symbolic link beside it (`..data`). A folder that
 * cannot be watched is polled only. Holds no process alive.
 */
export class FolderWatch {
  readonly #onHint: () => void;
  readonly #folders = new Map<string, Watched>();
  #wanted: ReadonlySet<string> = new Set();
  readonly #poll: NodeJS.Timeout;
  #quiet: NodeJS.Timeout | undefined;
  #noticedAtMs: number | undefined;
  #closed = false;

  constructor(onHint: () => void, pollMs: number = POLL_MS) {
    this.#onHint = onHint;
    this.#poll = setInterval(() => {
      this.#renew();
      onHint();
    }, pollMs).unref();
  }

  /** From now on the folders of these files, and no others. */
  follow(paths: readonly string[]): void {
    this.#wanted = new Set(paths.map((path) => dirname(path)));
    this.#renew();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#quiet);
    for (const { watcher } of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }

  /** Watches what is wanted and not watched; a folder that was replaced is another one. */
  #renew(): void {
    if (this.#closed) return;
    for (const [folder, { watcher, identity }] of this.#folders) {
      if (this.#wanted.has(folder) && identityOf(folder) === identity) continue;
      watcher.close();
      this.#folders.delete(folder);
    }
    for (const folder of this.#wanted) {
      const identity = identityOf(folder);
      if (identity === undefined || this.#folders.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#notice());
        // What ends a watcher (a folder that went away) shows as another identity at the next poll.
        watcher.on('error', () => {});
        this.#folders.set(folder, { watcher, identity });
      } catch {
        // Out of watches (ENOSPC, EMFILE), or none on this file system: polling remains.
      }
    }
  }

  #notice(): void {
    const nowMs = performance.now();
    this.#noticedAtMs ??= nowMs;
    clearTimeout(this.#quiet);
    const waitMs = Math.min(QUIET_MS, Math.max(0, this.#noticedAtMs + MOST_MS - nowMs));
    this.#quiet = setTimeout(() => {
      this.#noticedAtMs = undefined;
      this.#onHint();
    }, waitMs).unref();
  }
}

function identityOf(folder: string): string | undefined {
  const status = statSync(folder, { throwIfNoEntry: false });
  return status === undefined ? undefined : `${status.dev}:${status.ino}`;
}
