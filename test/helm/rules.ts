import type { Manifest } from '../support/helm.ts';

/** What a pod may say, wherever it stands: in a Deployment, in a StatefulSet, or alone. */
export type Pod = {
  readonly name: string;
  readonly labels: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: the shape is checked by shapes.ts.
  readonly spec: any;
};

const MARGIN_SECONDS = 5;
const MAX_NAME = 63;

export function podsOf(objects: readonly Manifest[]): Pod[] {
  return objects.flatMap((object) => {
    const name = `${object.kind} ${object.metadata.name}`;
    if (object.kind === 'Pod') return [{ name, labels: object.metadata.labels ?? {}, spec: object['spec'] }];
    const template = object['spec']?.template;
    return template?.spec?.containers === undefined
      ? []
      : [{ name, labels: template.metadata?.labels ?? {}, spec: template.spec }];
  });
}

/** Everything that is wrong with a set of objects, in words. */
export function checkObjects(objects: readonly Manifest[]): string[] {
  return [
    ...checkNames(objects),
    ...podsOf(objects).flatMap(checkPod),
    ...checkSelectors(objects),
    ...checkScaling(objects),
    ...checkGrace(objects),
  ];
}

/** The "restricted" profile of Pod Security Standards, and what else a pod of ours owes. */
export function checkPod({ name, spec }: Pod): string[] {
  const problems: string[] = [];
  const expect = (good: boolean, what: string): void => void (good || problems.push(`${name}: ${what}`));
  const { securityContext: pod = {} } = spec;
  expect(spec.automountServiceAccountToken === false, 'mounts a token');
  expect(spec.enableServiceLinks === false, 'has service links');
  for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) expect(spec[key] !== true, key);
  for (const volume of spec.volumes ?? []) {
    const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'emptyDir';
    expect(
      [
        'configMap',
        'secret',
        'emptyDir',
        'projected',
        'downwardAPI',
        'csi',
        'persistentVolumeClaim',
      ].includes(kind),
      `volume of kind ${kind}`,
    );
  }
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    const own = container.securityContext ?? {};
    const say = (good: boolean, what: string): void => expect(good, `${container.name}: ${what}`);
    say(own.allowPrivilegeEscalation === false, 'may gain privileges');
    say(own.privileged !== true, 'is privileged');
    say(own.readOnlyRootFilesystem === true, 'may write to its root');
    say(own.capabilities?.drop?.includes('ALL') === true, 'keeps capabilities');
    say((own.capabilities?.add ?? []).length === 0, 'adds capabilities');
    say((own.runAsNonRoot ?? pod.runAsNonRoot) === true, 'may be root');
    say((own.runAsUser ?? pod.runAsUser) !== 0, 'is root');
    const seccomp = (own.seccompProfile ?? pod.seccompProfile)?.type;
    say(seccomp === 'RuntimeDefault' || seccomp === 'Localhost', 'has no seccomp profile');
    say(
      /:[^/]+$|@sha256:/.test(container.image) && !/:latest$/.test(container.image),
      'image without version',
    );
    say(container.resources?.limits?.memory !== undefined, 'no memory limit');
    say(unique((container.env ?? []).map(nameOf)), 'a variable stands twice');
    say(unique((container.ports ?? []).map(nameOf)), 'a port stands twice');
    say(
      unique((container.volumeMounts ?? []).map((mount: { mountPath: string }) => mount.mountPath)),
      'a place is mounted twice',
    );
    for (const mount of container.volumeMounts ?? []) {
      say(
        (spec.volumes ?? []).some((volume: { name: string }) => volume.name === mount.name),
        `no volume ${mount.name}`,
      );
      say(mount.subPath === undefined, 'subPath is never updated');
    }
    for (const port of container.ports ?? [])
      say(port.name.length <= 15 && port.containerPort > 1023, `port ${port.name}`);
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      const path = container[probe]?.httpGet?.path;
      if (container.name === 'natsgate') {
        say(path === (probe === 'readinessProbe' ? '/readyz' : '/livez'), probe);
        const port = container[probe]?.httpGet?.port;
        say(
          (container.ports ?? []).some((one: { name: string }) => one.name === port),
          `${probe}: no port ${port}`,
        );
      }
    }
  }
  return problems;
}

function checkNames(objects: readonly Manifest[]): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const { kind, metadata, apiVersion } of objects) {
    const key = `${apiVersion} ${kind} ${metadata.namespace} ${metadata.name}`;
    if (seen.has(key)) problems.push(`${key} stands twice`);
    seen.add(key);
    if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(metadata.name) || metadata.name.length > MAX_NAME)
      problems.push(`${key}: not a name`);
    for (const map of [metadata.labels ?? {}, metadata.annotations ?? {}]) {
      for (const [name, value] of Object.entries(map))
        if (typeof value !== 'string') problems.push(`${key}: ${name} is no text`);
    }
    for (const [name, value] of Object.entries(metadata.labels ?? {}))
      if (!/^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/.test(value))
        problems.push(`${key}: label ${name}`);
  }
  return problems;
}

/** Whoever selects pods or Services finds them, and the ports that it names. */
function checkSelectors(objects: readonly Manifest[]): string[] {
  const problems: string[] = [];
  const pods = podsOf(objects);
  for (const object of objects) {
    const { kind, metadata } = object;
    const spec = object['spec'];
    const where = `${kind} ${metadata.name}`;
    const selector =
      kind === 'Service' ? spec.selector : (spec?.selector?.matchLabels ?? spec?.podSelector?.matchLabels);
    if (selector === undefined) continue;
    for (const [name, value] of Object.entries(selector)) {
      if (typeof value !== 'string') problems.push(`${where}: ${name} is no text`);
      if (['helm.sh/chart', 'app.kubernetes.io/version'].includes(name))
        problems.push(`${where}: ${name} changes`);
    }
    if (kind === 'ServiceMonitor') {
      const services = objects.filter(
        (one) => one.kind === 'Service' && matches(selector, one.metadata.labels ?? {}),
      );
      if (services.length !== 1) problems.push(`${where} finds ${services.length} Services`);
      for (const endpoint of spec.endpoints)
        if (!services[0]?.['spec'].ports.some((port: { name: string }) => port.name === endpoint.port))
          problems.push(`${where}: no port ${endpoint.port}`);
      continue;
    }
    const found = pods.filter((pod) => matches(selector, pod.labels));
    if (found.length !== 1) problems.push(`${where} finds ${found.length} pods`);
    const ports = (found[0]?.spec.containers ?? [])
      .flatMap((one: { ports?: { name: string }[] }) => one.ports ?? [])
      .map(nameOf);
    const named =
      kind === 'Service'
        ? spec.ports.map((port: { targetPort: string }) => port.targetPort)
        : kind === 'PodMonitor'
          ? spec.podMetricsEndpoints.map((endpoint: { port: string }) => endpoint.port)
          : [];
    for (const port of named) if (!ports.includes(port)) problems.push(`${where}: no port ${port}`);
  }
  for (const { name, spec } of pods) {
    const account = spec.serviceAccountName;
    if (
      account !== 'default' &&
      !objects.some((one) => one.kind === 'ServiceAccount' && one.metadata.name === account)
    )
      problems.push(`${name}: no account ${account}`);
  }
  return problems;
}

function checkScaling(objects: readonly Manifest[]): string[] {
  const scaled = objects.some(({ kind }) => kind === 'HorizontalPodAutoscaler' || kind === 'ScaledObject');
  return objects
    .filter(({ kind }) => kind === 'Deployment')
    .filter((one) => (one['spec'].replicas !== undefined) === scaled)
    .map(
      (one) => `Deployment ${one.metadata.name}: replicas ${scaled ? 'under an autoscaler' : 'are missing'}`,
    );
}

/** The time a pod gets is at least what its configuration promises to clients, and a margin. */
function checkGrace(objects: readonly Manifest[]): string[] {
  const config = objects.find(
    (one) => one.kind === 'ConfigMap' && one['data']?.['natsgate.yaml'] !== undefined,
  );
  if (config === undefined) return [];
  const drain = JSON.parse(config['data']['natsgate.yaml']).drain ?? {};
  const promised = seconds(drain.delay ?? '5s') + seconds(drain.timeout ?? '30s');
  return podsOf(objects)
    .filter(({ spec }) => spec.containers.some((one: { name: string }) => one.name === 'natsgate'))
    .filter(({ spec }) => {
      const sleep = spec.containers[0].lifecycle?.preStop?.sleep?.seconds ?? 0;
      return spec.terminationGracePeriodSeconds < promised + sleep + MARGIN_SECONDS;
    })
    .map(({ name, spec }) => `${name}: ${spec.terminationGracePeriodSeconds} s are too short`);
}

function seconds(duration: string | number): number {
  const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };
  const [, value, unit = 's'] = /^([\d.]+)(ms|s|m|h)?$/.exec(String(duration)) ?? [];
  return Number(value) * (units[unit] ?? Number.NaN);
}

const nameOf = (one: { readonly name: string }): string => one.name;
const unique = (all: readonly unknown[]): boolean => new Set(all).size === all.length;
const matches = (selector: object, labels: Readonly<Record<string, unknown>>): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value);
