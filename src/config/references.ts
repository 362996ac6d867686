/** Looks into the files that the configuration names, so that a wrong one is found at start and has a position. */
import { readSeed } from '../nats/nkey.ts';
import type { AdminConfig, ProxySigner, ServerTls, TlsMaterial } from './config.ts';
import { type FileReader, fileSeen, resolveFrom, unreadable } from './files.ts';
import type { Path } from './path.ts';
import type { Report } from './problems.ts';
import { isInherited } from './routes.ts';
import type { Values } from './schema.ts';
import type { UpstreamValues } from './sections/upstream.ts';
import { settingKey } from './settings.ts';
import { filesOf, judgeTls, MAX_PEM_BYTES, type TlsKey } from './tls-files.ts';
import type { Located, Written } from './written.ts';

const MAX_TOKEN_BYTES = 4096;
const MAX_SEED_BYTES = 4096;
/** Fewer characters can be guessed by trying. */
const LEAST_TOKEN_LENGTH = 16;
const READABLE_BY_GROUP = 0o040;
const READABLE_BY_ALL = 0o004;

/** What the named files hold. Names start at the folder of `configFile`. */
export type References = {
  /** Of `listen.tls`. */
  readonly material: TlsMaterial | undefined;
  readonly token: AdminConfig['token'];
  readonly upstream: UpstreamReferences;
  /** By the number of the route; undefined where it has no upstream of its own. */
  readonly routes: readonly (UpstreamReferences | undefined)[];
};

export type UpstreamReferences = {
  readonly material: TlsMaterial | undefined;
  readonly proxySigner: ProxySigner | undefined;
};

/** Reads and checks the named files; what is wrong goes to `report`. Nothing of their content is ever printed. */
export async function readReferences(
  values: Values,
  written: Written,
  configFile: string | undefined,
  ownGroups: readonly number[],
  reader: FileReader,
  report: Report,
): Promise<References> {
  const read = async (path: Path, name: string, mostBytes: number, secret: boolean) => {
    const located = written.locate(path);
    const { place, key } = located;
    const file = await reader.read(resolveFrom(configFile, name), mostBytes);
    // Being listed is what makes a file be watched: a file that is read here is reloaded by itself.
    report.files.push(fileSeen(resolveFrom(configFile, name), settingKey(path, values), mostBytes, file));
    if (!file.ok) {
      report.problem('unreadable', place, key, unreadable(file));
      return undefined;
    }
    if (secret && isReadableByOthers(file, ownGroups)) {
      const mode = file.mode.toString(8).padStart(4, '0');
      report.warning(
        'secret_is_open',
        place,
        key,
        `others may read this secret (mode ${mode}); set mode 0400`,
      );
    }
    return { located, bytes: file.bytes };
  };

  const readTls = async (
    section: Path,
    tls: { readonly [key in TlsKey]?: string | undefined } & Pick<ServerTls, 'minVersion'>,
  ): Promise<TlsMaterial | undefined> => {
    const at = (key: TlsKey): Path => [...section, 'tls', key];
    const files: { [key in TlsKey]?: Buffer } = {};
    for (const [key, name] of filesOf(tls)) {
      const file = await read(at(key), name, MAX_PEM_BYTES, key === 'keyFile');
      if (file !== undefined) files[key] = file.bytes;
    }
    const located = (key: TlsKey): Located => written.locate(at(key));
    return judgeTls(files, tls.minVersion, {
      problem: (key, text) => report.problem('tls_file', located(key).place, located(key).key, text),
      warning: (key, text) => report.warning('tls_file', located(key).place, located(key).key, text),
    });
  };

  const readUpstream = async (
    section: Path,
    { tls, proxySeedFile }: UpstreamValues,
  ): Promise<UpstreamReferences> => {
    const material = await readTls(section, tls);
    const seed =
      proxySeedFile === undefined
        ? undefined
        : await read([...section, 'proxySeedFile'], proxySeedFile, MAX_SEED_BYTES, true);
    return { material, proxySigner: seed && signerIn(seed, report) };
  };

  const { tls } = values.listen;
  const material = tls && (await readTls(['listen'], tls));
  const upstream = await readUpstream(['upstream'], values.upstream);
  const { tokenFile } = values.admin;
  const token =
    tokenFile === undefined
      ? undefined
      : await read(['admin', 'tokenFile'], tokenFile, MAX_TOKEN_BYTES, true);
  const routes: (UpstreamReferences | undefined)[] = [];
  for (const [index, route] of values.routes.entries()) {
    const section = ['routes', index, 'upstream'];
    routes.push(isInherited(written, section) ? undefined : await readUpstream(section, route.upstream));
  }
  return { material, token: token && tokenIn(token, report), upstream, routes };
}

/** A group of the process's own is no other: with fsGroup the kubelet gives secrets to the pod's group, mode 0440. */
function isReadableByOthers(
  { mode, group }: { readonly mode: number; readonly group: number },
  ownGroups: readonly number[],
): boolean {
  if ((mode & READABLE_BY_ALL) !== 0) return true;
  return (mode & READABLE_BY_GROUP) !== 0 && !ownGroups.includes(group);
}

type Found = { readonly located: Located; readonly bytes: Buffer };

function tokenIn({ located, bytes }: Found, report: Report): string | undefined {
  const token = bytes.toString('latin1').trim();
  if (!/^[\x21-\x7e]+$/.test(token)) {
    const text =
      token === ''
        ? 'the file is empty; write a token of at least 16 characters into it'
        : 'the token is not one line of visible ASCII characters; write such a one into the file';
    report.problem('token_malformed', located.place, located.key, text);
    return undefined;
  }
  if (token.length < LEAST_TOKEN_LENGTH) {
    const text = `the token is shorter than ${LEAST_TOKEN_LENGTH} characters; write a random one, such as 32 hexadecimal digits`;
    report.warning('token_short', located.place, located.key, text);
  }
  return token;
}

function signerIn({ located, bytes }: Found, report: Report): ProxySigner | undefined {
  const reading = readSeed(bytes);
  bytes.fill(0);
  if (reading.ok) return reading.signer;
  report.problem('seed', located.place, located.key, reading.problem);
  return undefined;
}
