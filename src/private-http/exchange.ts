import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import type { RequestTarget } from '../net/request-target.ts';
import type { LongPhase } from './connection.ts';

/** What a handler knows of its request beside what Hono shows. */
export type Bindings = HttpBindings & {
  /** The path byte for byte; NO_PATH when the target cannot be read. */
  readonly path: string;
  /** As sent. */
  readonly host: string | undefined;
  readonly target: RequestTarget | undefined;
  /** Takes a place for a long answer; it is given back with the connection. False: all are taken. */
  takePlace(phase: LongPhase): boolean;
};

export type PrivateEnv = { Bindings: Bindings };
export type Routes = Hono<PrivateEnv>;
/** One request with its answer. `req.path` is never decoded or normalised; the rest of `req.url` says nothing. */
export type Exchange = Context<PrivateEnv>;

/** No request has this path: a blank ends the target. */
export const NO_PATH = '/ ';
