import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { stringify } from 'yaml';
import { selfSigned } from '../config/self-signed.ts';
import type { ContainerStore } from '../support/containers.ts';
import { manifests, only } from '../support/helm.ts';

export const NATS = 'localhost/nats-server:test';
const CLIENT = join(import.meta.dirname, 'pod-client.ts');
const REASONS = { ordinary: 'draining', native: 'upstream_closed' };
const READY_MS = 30_000;
const DRAIN_MS = 60_000;

type Container = {
  name: string;
  image: string;
  env?: { name: string; value?: string }[];
  [key: string]: unknown;
};
type Volume = { name: string; secret?: object; configMap?: { name: string } };
type ClientLine = { readonly event: string; readonly [key: string]: unknown };

export type SeenPod = {
  readonly figures: Readonly<Record<string, number>>;
  readonly echo: unknown;
  readonly close: { readonly code: number; readonly reason: string };
  readonly forcedCloses: number;
  readonly exitCodes: Readonly<Record<string, number>>;
  readonly pid: number;
  readonly user: number;
  readonly readOnlyRoot: boolean;
  readonly memoryLimit: number;
};

/**
 * Runs the pod of a manifest as podman understands it; the image NATS must be there. Changed are: the kind (podman knows no StatefulSet), the
 * names of the images, where the secret comes from, and what podman does not know (facts of the pod in the
 * environment, ports without a network). It has a network of its own without a way out, so the
 * client enters that network, and no port of this machine is needed.
 *
 * podman does not know native sidecars either, so their order of leaving is played: nats-server first, then natsgate.
 */
export async function runPod(
  store: ContainerStore,
  image: string,
  manifest: string,
  order: 'ordinary' | 'native',
): Promise<SeenPod> {
  const file = await podFile(store, image, manifest, order);
  const startedMs = performance.now();
  await store.podman('kube', 'play', '--network', 'none', file);
  const id = (name: string): string => `${order}-${name}`;
  const pid = Number(await store.podman('inspect', '--format', '{{.State.Pid}}', id('natsgate')));
  const network = `/proc/${pid}/ns/net`;
  const client = await Client.start(network);
  try {
    const opened = await client.next('open');
    const readyMs = performance.now() - startedMs;
    const echoed = await client.next('echo');
    const inside = await look(store, id('natsgate'), pid);
    const stoppedMs = performance.now();
    // As the kubelet does: every preStop at once, within one grace period; SIGTERM to ordinary containers at once
    // too, to a native sidecar when the others are gone.
    const lameDuck = store.podman('exec', id('nats'), 'nats-server', '-sl=ldm=/var/run/nats/nats.pid');
    const stop = () => store.podman('stop', '--time', '90', id('natsgate'));
    const gone = async () => {
      await lameDuck;
      await store.podman('wait', id('nats'));
    };
    const stopped = order === 'native' ? gone().then(stop) : stop();
    const closed = await client.next('close');
    const closeMs = performance.now() - stoppedMs;
    const forced = await client.next('metrics');
    await Promise.all([lameDuck, stopped]);
    const drainMs = performance.now() - stoppedMs;
    const log = (await store.podman('logs', id('natsgate'))).split('\n');
    assert.ok(
      log.some((line) => line.includes('"session ended"') && line.includes(`"${REASONS[order]}"`)),
      log.join('\n'),
    );
    await store.podman('stop', '--time', '50', id('nats'));
    const code = async (name: string): Promise<number> =>
      Number(await store.podman('inspect', '--format', '{{.State.ExitCode}}', id(name)));
    return {
      figures: {
        readyMs: Math.round(readyMs),
        handshakeMs: Number(opened['ms']),
        closeMs: Math.round(closeMs),
        drainMs: Math.round(drainMs),
        residentKiB: inside.residentKiB,
        heapLimitMiB: inside.heapLimitMiB,
      },
      echo: echoed['text'],
      close: { code: Number(closed['code']), reason: String(closed['reason']) },
      forcedCloses: Number(forced['forced']),
      exitCodes: { natsgate: await code('natsgate'), nats: await code('nats') },
      pid: inside.pid,
      user: inside.user,
      readOnlyRoot: inside.readOnlyRoot,
      memoryLimit: inside.memoryLimit,
    };
  } finally {
    client.kill();
    await store.tryPodman('pod', 'rm', '--force', '--time', '1', order);
  }
}

/** `pod`: its name. What belongs to it is called by it too, since podman has one place for all pods. */
async function podFile(store: ContainerStore, image: string, manifest: string, pod: string): Promise<string> {
  const objects = manifests(await readFile(manifest, 'utf8'));
  const { spec, metadata } = only(objects, 'StatefulSet')['spec'].template;
  const images: Readonly<Record<string, string>> = { natsgate: image, nats: NATS };
  const containers = (spec.containers as Container[]).map((one) => ({
    ...one,
    // podman maps ports even where it is told that there is no network to map from.
    ports: undefined,
    // It does not know these facts about itself either.
    env: one.env?.map(({ name, value }) => ({ name, value: value ?? 'podman' })),
    image: images[one.name],
    imagePullPolicy: 'Never',
  }));
  const tls = join(store.folder.path, `${pod}-tls`);
  await mkdir(tls, { recursive: true });
  const { certificate, key } = selfSigned();
  await writeFile(join(tls, 'tls.crt'), certificate);
  await writeFile(join(tls, 'tls.key'), key, { mode: 0o444 });
  const volumes = (spec.volumes as Volume[]).map(({ name, secret, configMap, ...volume }) => ({
    name,
    ...volume,
    ...(secret === undefined ? {} : { hostPath: { path: tls, type: 'Directory' } }),
    ...(configMap === undefined ? {} : { configMap: { name: `${pod}-${configMap.name}` } }),
  }));
  const whole = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: pod, labels: metadata.labels },
    // A pod that is told to go is not started again; podman does not know the difference.
    spec: { ...spec, containers, volumes, restartPolicy: 'Never' },
  };
  const maps = objects
    .filter(({ kind }) => kind === 'ConfigMap')
    .map((map) => ({ ...map, metadata: { name: `${pod}-${map.metadata.name}` } }));
  const file = join(store.folder.path, `${pod}.yaml`);
  await writeFile(file, [...maps, whole].map((one) => stringify(one)).join('---\n'));
  return file;
}

/** What the running process is, from the outside and, by Node itself in the same container, from the inside. */
async function look(store: ContainerStore, id: string, pid: number) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const number = (pattern: RegExp): number => Number(pattern.exec(status)?.[1]);
  const program =
    "let readOnly=false;try{require('fs').writeFileSync('/app/x','')}catch(e){readOnly=e.code==='EROFS'}console.log(JSON.stringify({readOnly,limit:process.constrainedMemory(),heap:require('v8').getHeapStatistics().heap_size_limit}))";
  const inside = JSON.parse(await store.podman('exec', id, '/nodejs/bin/node', '-e', program)) as {
    readOnly: boolean;
    limit: number;
    heap: number;
  };
  return {
    // The innermost namespace stands last.
    pid: number(/^NSpid:.*\t(\d+)$/m),
    user: number(/^Uid:\t(\d+)/m),
    residentKiB: number(/^VmRSS:\s+(\d+)/m),
    readOnlyRoot: inside.readOnly,
    memoryLimit: inside.limit,
    heapLimitMiB: Math.round(inside.heap / 1024 / 1024),
  };
}

/** The client, in a process of its own inside the pod's network. */
class Client {
  readonly #child;
  readonly #lines: AsyncIterator<string>;

  private constructor(network: string) {
    this.#child = spawn('nsenter', [`--net=${network}`, process.execPath, CLIENT], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  static async start(network: string): Promise<Client> {
    const client = new Client(network);
    await once(client.#child, 'spawn');
    return client;
  }

  /** The next thing that the client tells, which must be this one. */
  async next(event: string): Promise<ClientLine> {
    const late = wait(event === 'open' ? READY_MS : DRAIN_MS, undefined, { ref: false }).then(() => {
      throw new Error(`no ${event} in time`);
    });
    const { value, done } = await Promise.race([this.#lines.next(), late]);
    if (done === true) throw new Error(`the client ended before ${event}`);
    const line = JSON.parse(value) as ClientLine;
    assert.equal(line.event, event, value);
    return line;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
