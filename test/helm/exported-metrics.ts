import { makeCertificates } from '../support/certificates.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { RawClient } from '../support/raw-client.ts';

/** Names that a live gateway exports: one with TLS and one with a session, so that nothing is missing. */
export async function exportedMetrics(): Promise<Set<string>> {
  await using upstream = await FakeUpstream.start({ echo: true });
  await using certificates = await makeCertificates();
  const tls = {
    certFile: certificates.serverCertFile,
    keyFile: certificates.serverKeyFile,
    clientCaFile: undefined,
    minVersion: 'TLSv1.2',
  } as const;
  const names = new Set<string>();
  for (const listen of [{}, { tls }]) {
    await using gateway = await startTestGateway(upstream.port, { listen });
    await using client = 'tls' in listen ? undefined : await RawClient.open(gateway.port);
    const { body } = await gateway.gateway.metrics(false);
    for (const [, name = ''] of body.matchAll(/^([a-z]\w*)(?:\{| )/gm)) names.add(name);
    // One without samples yet (no garbage was collected) is there all the same.
    for (const [, name = ''] of body.matchAll(/^# TYPE (\w+) histogram$/gm))
      for (const part of ['bucket', 'sum', 'count']) names.add(`${name}_${part}`);
    if (client?.closed) throw new Error('the session ended');
  }
  return names;
}

/** Names of our own metrics and records in an expression. */
export function metricsIn(expression: string): string[] {
  return [...new Set([...expression.matchAll(/\bnatsgate[_:][a-z0-9_:]*/g)].map(([name]) => name))];
}
