import { rulesOf } from '../policy/support.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { makeCertificates, serverTls, upstreamTls } from '../support/certificates.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import { RawClient } from '../support/raw-client.ts';

const MiB = 1024 * 1024;

/** Values of each label, by metric. */
export type Exported = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;

/** What a live gateway exports: one with TLS, and one with a session that was logged in, so that nothing is missing. */
export async function exportedMetrics(): Promise<Exported> {
  await using upstream = await FakeUpstream.start({ echo: true });
  await using certificates = await makeCertificates();
  const { clientCaFile, clientCertFile: certFile, clientKeyFile: keyFile } = certificates;
  const tls = serverTls(certificates, { clientCaFile });
  const toServer = { tls: upstreamTls(certificates, { certFile, keyFile }) };
  const all = new Map<string, Map<string, Set<string>>>();
  const metric = (name: string): Map<string, Set<string>> => {
    const labels = all.get(name) ?? new Map<string, Set<string>>();
    all.set(name, labels);
    return labels;
  };
  await using issuer = await Issuer.start(signingKey('one'));
  const auth = testAuth(testIssuer(keysAt(issuer.url)));
  const policy = {
    mode: 'observe',
    roles: [rulesOf({})],
    onDeny: 'error',
    denialsBeforeClose: undefined,
  } as const;
  const bearer = { headers: { Authorization: `Bearer ${issuer.token()}` } };
  for (const overrides of [
    { auth, policy, limits: { memory: 512 * MiB } },
    { listen: { tls }, upstream: toServer },
  ]) {
    await using gateway = await startTestGateway(upstream.port, overrides);
    await using client = 'listen' in overrides ? undefined : await RawClient.open(gateway.port, bearer);
    const { body } = await gateway.gateway.metrics(false);
    for (const [, name = '', list = ''] of body.matchAll(/^([a-z]\w*)(?:\{(.*)\})? /gm)) {
      const labels = metric(name);
      for (const [, label = '', value = ''] of list.matchAll(/(\w+)="([^"]*)"/g))
        labels.set(label, (labels.get(label) ?? new Set()).add(value));
    }
    // One without samples yet (no garbage was collected) is there all the same.
    for (const [, name = ''] of body.matchAll(/^# TYPE (\w+) histogram$/gm))
      for (const part of ['bucket', 'sum', 'count']) metric(`${name}_${part}`);
    if (client?.closed) throw new Error('the session ended');
  }
  return all;
}

/** Label values in an expression that no series has: matchers on them are always silent, or always true. */
export function unknownValues(expression: string, exported: Exported): string[] {
  return [...expression.matchAll(/\b(natsgate_\w+)\{([^}]*)\}/g)].flatMap(([, name = '', matchers = '']) =>
    [...matchers.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].flatMap(([, label = '', , pattern = '']) => {
      const values = exported.get(name)?.get(label);
      // What the scrape adds is not the gateway's, and Prometheus writes bounds in its own way.
      if (['cluster', 'namespace', 'job', 'instance', 'pod', 'le'].includes(label)) return [];
      return pattern
        .split('|')
        .filter((one) => ![...(values ?? [])].some((value) => new RegExp(`^(${one})$`).test(value)))
        .map((one) => `${name}{${label}="${one}"}`);
    }),
  );
}

/** Names of our own metrics and records in an expression. */
export function metricsIn(expression: string): string[] {
  return [...new Set([...expression.matchAll(/\bnatsgate[_:][a-z0-9_:]*/g)].map(([name]) => name))];
}
