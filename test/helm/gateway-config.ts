import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { selfSigned } from '../config/self-signed.ts';
import { type Manifest, only } from '../support/helm.ts';
import { signingKey } from '../support/issuer.ts';
import { KIND, seedOf } from '../support/nkeys.ts';
import { Operator } from '../support/operator.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { podsOf } from './rules.ts';

type Json = { [key: string]: unknown };

/** What the gateway itself says about the configuration of a render, started with the arguments of its pod. */
export async function checkConfig(objects: readonly Manifest[]): Promise<string[]> {
  const loaded = await loadedConfig(objects);
  if (!loaded.ok) return loaded.problems.map(formatProblem);
  const { listen, admin } = loaded.config;
  const ports = containerOf(objects).ports.map((port: { containerPort: number }) => port.containerPort);
  return JSON.stringify(ports) === JSON.stringify([listen.address.port, admin.address.port])
    ? []
    : [`the pod names ports ${ports}, the gateway listens on others`];
}

/** The same, as the gateway reads it, with files of the right kind in place of its secrets. */
export async function loadedConfig(objects: readonly Manifest[]): Promise<LoadedConfig> {
  const map = objects.find((one) => one.kind === 'ConfigMap' && one['data']?.['natsgate.yaml'] !== undefined);
  if (map === undefined) throw new Error('no configuration');
  await using folder = await temporaryFolder();
  const config = JSON.parse(
    map['data']['natsgate.yaml'].replaceAll('/etc/natsgate/', `${folder.path}/`),
  ) as Json;
  const pair = selfSigned();
  for (const file of filesOf(config)) {
    await mkdir(dirname(file), { recursive: true });
    const name = basename(file);
    const content = /jwks/.test(name)
      ? JSON.stringify({ keys: [signingKey('one').jwk] })
      : /creds/.test(name)
        ? new Operator().creds(3600)
        : /seed/.test(name)
          ? seedOf(KIND.user)
          : /token/.test(name)
            ? 'a-token-of-sixteen-letters'
            : /key/.test(name)
              ? pair.key
              : pair.certificate;
    await writeFile(file, content, { mode: 0o400 });
  }
  const file = join(folder.path, 'natsgate.yaml');
  await writeFile(file, JSON.stringify(config, undefined, 2));
  const container = containerOf(objects);
  const flag = (name: string): string =>
    container.args.find((one: string) => one.startsWith(`--${name}=`))?.slice(name.length + 3);
  const env = Object.fromEntries(
    container.env
      .filter(({ name, value }: Variable) => name.startsWith('NATSGATE_') && value !== undefined)
      .map(({ name, value }: Variable) => [name, value]),
  );
  return await loadConfig({ file, flags: { listen: flag('listen'), admin: flag('admin') }, env });
}

type Variable = { readonly name: string; readonly value?: string };

const containerOf = (objects: readonly Manifest[]) =>
  podsOf([only(objects, 'Deployment')])[0]?.spec.containers[0];

function filesOf(config: unknown): string[] {
  if (typeof config !== 'object' || config === null) return [];
  return Object.entries(config).flatMap(([key, value]) =>
    /(^f|F)ile$/.test(key) && typeof value === 'string' ? [value] : filesOf(value),
  );
}
