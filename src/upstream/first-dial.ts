import { foreignText, type Log } from '../log.ts';
import type { UpstreamPool } from './pool.ts';

/** Servers named in the line about a start that reached none. */
const MAX_NAMED = 4;

/**
 * Dials each server of a new pool once and logs which answered, or that none did. Somebody who writes a wrong address then
 * learns it at the start, and not from the first visitor. `upstream`: the fields that name it, none for the only one.
 */
export async function firstDial(
  pool: UpstreamPool,
  upstream: { readonly upstream?: string },
  log: Log,
): Promise<void> {
  const answers = await pool.dialEach();
  const errors: string[] = [];
  for (const answer of answers) {
    if (answer.error !== undefined) {
      errors.push(foreignText(answer.error.message));
      continue;
    }
    const { server, address, info } = answer;
    const fields = { ...upstream, server: server.name, ...(address === server.host ? {} : { address }) };
    if (server.opaque === true) log.info(fields, 'upstream accepts connections');
    else {
      const { serverName: name, version } = info;
      log.info(
        {
          ...fields,
          ...(name === undefined ? {} : { name: foreignText(name) }),
          ...(version === undefined ? {} : { version: foreignText(version) }),
        },
        'nats-server answers',
      );
    }
  }
  // Where only some are down, each has its own line (upstream server changed).
  if (answers.length > 0 && errors.length === answers.length) {
    const more = errors.length - MAX_NAMED;
    log.warn(
      { ...upstream, errors: errors.slice(0, MAX_NAMED), ...(more > 0 ? { moreErrors: more } : {}) },
      'no upstream server answers; until one does, handshakes get 502 or 504',
    );
  }
}
