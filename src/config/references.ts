/** Looks into the files that the configuration names, so that a wrong one is found at start and has a position. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { readSeed } from '../nats/nkey.ts';
import type { AdminConfig, ProxySigner, ServerTls, UpstreamTls } from './config.ts';
import { fileSeen, readBounded, resolveFrom } from './files.ts';
import type { Report } from './report.ts';
import type { RouteValues, Values } from './schema.ts';
import { settingKey } from './settings.ts';
import { type Located, locate, type Node } from './tree.ts';
import type { Path } from './validate.ts';

/** More than any certificate chain with its authorities. */
const MAX_PEM_BYTES = 1024 * 1024;
const MAX_TOKEN_BYTES = 4096;
const MAX_SEED_BYTES = 4096;
/** Fewer characters can be guessed by trying. */
const LEAST_TOKEN_LENGTH = 16;
const READABLE_BY_GROUP = 0o040;
const READABLE_BY_ALL = 0o004;

/** What was found in the files. Relative names start at the folder of `configFile`. */
export type References = {
  readonly tls: ServerTls | undefined;
  readonly token: AdminConfig['token'];
  readonly upstream: UpstreamReferences;
  /** By the number of the route; undefined where it has no upstream of its own. */
  readonly routes: readonly (UpstreamReferences | undefined)[];
};

export type UpstreamReferences = {
  readonly tls: UpstreamTls | undefined;
  readonly proxySigner: ProxySigner | undefined;
};

/** Reads and checks the named files; what is wrong goes to `report`. Nothing of their content is ever printed. */
export async function checkReferences(
  values: Values,
  root: Node,
  configFile: string | undefined,
  ownGroups: readonly number[],
  failed: (path: Path) => boolean,
  report: Report,
): Promise<References> {
  const read = async (path: Path, name: string, mostBytes: number, secret: boolean) => {
    const located = locate(root, path);
    const file = await readBounded(resolveFrom(configFile, name), mostBytes);
    // Being listed is what makes a file be watched: whatever is read here reloads by itself.
    report.files.push(fileSeen(resolveFrom(configFile, name), settingKey(path, values), mostBytes, file));
    if (!file.ok) {
      const text = `the file cannot be read: ${file.what}; write the name of a readable file`;
      report.problem(located.place, located.key, text);
      return undefined;
    }
    if (secret && isReadableByOthers(file, ownGroups)) {
      const mode = file.mode.toString(8).padStart(4, '0');
      const text = `others may read this secret (mode ${mode}); set mode 0400`;
      report.warning(located.place, located.key, text);
    }
    return { located, bytes: file.bytes };
  };

  const readTls = async (
    section: Path,
    authoritiesKey: 'clientCaFile' | 'caFile',
    names: { certFile?: string | undefined; keyFile?: string | undefined; authorities?: string | undefined },
  ): Promise<void> => {
    const open = (key: string, name: string | undefined, secret = false) =>
      name === undefined ? undefined : read([...section, 'tls', key], name, MAX_PEM_BYTES, secret);
    const [certificate, key, authorities] = await Promise.all([
      open('certFile', names.certFile),
      open('keyFile', names.keyFile, true),
      open(authoritiesKey, names.authorities),
    ]);
    if (authorities !== undefined) certificateIn(authorities, report);
    const parsed = certificate && certificateIn(certificate, report);
    const privateKey = key && privateKeyIn(key, report);
    if (parsed && privateKey && certificate && key) {
      checkPair(parsed, privateKey, certificate.bytes, key, report);
    }
  };

  const resolve = (name: string): string => resolveFrom(configFile, name);
  const resolveAny = (name: string | undefined) => (name === undefined ? undefined : resolve(name));
  const readUpstream = async (
    section: Path,
    upstream: RouteValues['upstream'],
  ): Promise<UpstreamReferences> => {
    const tls = failed([...section, 'tls']) ? undefined : upstream.tls;
    if (tls !== undefined) await readTls(section, 'caFile', { ...tls, authorities: tls.caFile });
    const seedPath = [...section, 'proxySeedFile'];
    const seedFile = failed(seedPath) ? undefined : upstream.proxySeedFile;
    const seed = seedFile === undefined ? undefined : await read(seedPath, seedFile, MAX_SEED_BYTES, true);
    return {
      proxySigner: seed && signerIn(seed, report),
      tls:
        tls === undefined || tls.mode === 'off'
          ? undefined
          : {
              mode: tls.mode,
              caFile: resolveAny(tls.caFile),
              certFile: resolveAny(tls.certFile),
              keyFile: resolveAny(tls.keyFile),
              serverName: tls.serverName?.replace(/^\[|\]$/g, ''),
              minVersion: tls.minVersion,
            },
    };
  };

  const tls = failed(['listen', 'tls']) ? undefined : values.listen.tls;
  if (tls !== undefined) await readTls(['listen'], 'clientCaFile', { ...tls, authorities: tls.clientCaFile });
  const upstream = await readUpstream(['upstream'], values.upstream);
  const { tokenFile } = values.admin;
  let token: string | undefined;
  if (tokenFile !== undefined && !failed(['admin', 'tokenFile'])) {
    const file = await read(['admin', 'tokenFile'], tokenFile, MAX_TOKEN_BYTES, true);
    if (file !== undefined) token = tokenIn(file, report);
  }
  const routes: (UpstreamReferences | undefined)[] = [];
  for (const [index, route] of values.routes.entries()) {
    const section = ['routes', index, 'upstream'];
    routes.push(locate(root, section).inherited ? undefined : await readUpstream(section, route.upstream));
  }
  return {
    token,
    upstream,
    routes,
    tls: tls && {
      certFile: resolve(tls.certFile),
      keyFile: resolve(tls.keyFile),
      clientCaFile: resolveAny(tls.clientCaFile),
      minVersion: tls.minVersion,
    },
  };
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

/** The first certificate of a PEM file; of one that is not valid today, a warning. */
function certificateIn({ located, bytes }: Found, report: Report): X509Certificate | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(bytes);
  } catch {
    // OpenSSL's own message names routines, not remedies.
    const text = 'the file holds no PEM certificate; write the name of one with BEGIN CERTIFICATE';
    report.problem(located.place, located.key, text);
    return undefined;
  }
  const now = Date.now();
  if (certificate.validToDate.getTime() < now) {
    const day = certificate.validToDate.toISOString().slice(0, 10);
    report.warning(located.place, located.key, `the certificate expired on ${day}; renew it`);
  } else if (certificate.validFromDate.getTime() > now) {
    const day = certificate.validFromDate.toISOString().slice(0, 10);
    report.warning(located.place, located.key, `the certificate is not valid before ${day}; check the clock`);
  }
  return certificate;
}

function privateKeyIn({ located, bytes }: Found, report: Report): KeyObject | undefined {
  try {
    return createPrivateKey(bytes);
  } catch (error) {
    const encrypted = (error as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE';
    const text = encrypted
      ? 'the key is encrypted; write the name of one without passphrase'
      : 'the file holds no PEM private key; write the name of one with BEGIN PRIVATE KEY';
    report.problem(located.place, located.key, text);
    return undefined;
  }
}

function checkPair(
  certificate: X509Certificate,
  privateKey: KeyObject,
  chain: Buffer,
  key: Found,
  report: Report,
): void {
  const { place, key: name } = key.located;
  if (!certificate.checkPrivateKey(privateKey)) {
    report.problem(
      place,
      name,
      'the key does not belong to the first certificate of certFile; write the matching pair',
    );
    return;
  }
  try {
    createSecureContext({ cert: chain, key: key.bytes });
  } catch {
    // What is left: a broken certificate further down the chain, or a key too weak for OpenSSL.
    report.problem(
      place,
      name,
      'OpenSSL refuses this pair; write a whole PEM chain and a key of today’s strength',
    );
  }
}

function tokenIn({ located, bytes }: Found, report: Report): string | undefined {
  const token = bytes.toString('latin1').trim();
  if (!/^[\x21-\x7e]+$/.test(token)) {
    const text =
      token === ''
        ? 'the file is empty; write a token of at least 16 characters into it'
        : 'the token is not one line of visible ASCII characters; write such a one into the file';
    report.problem(located.place, located.key, text);
    return undefined;
  }
  if (token.length < LEAST_TOKEN_LENGTH) {
    const text = `the token is shorter than ${LEAST_TOKEN_LENGTH} characters; write a random one, such as 32 hexadecimal digits`;
    report.warning(located.place, located.key, text);
  }
  return token;
}

function signerIn({ located, bytes }: Found, report: Report): ProxySigner | undefined {
  const reading = readSeed(bytes);
  bytes.fill(0);
  if (reading.ok) return reading.signer;
  report.problem(located.place, located.key, reading.problem);
  return undefined;
}
