import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type Manifest, only, render } from '../support/helm.ts';
import { compile } from './compile.ts';
import { EXAMPLE, NatsChart, overlaid, plainObjects } from './nats-chart.ts';

/** Fields that their API does not know. The chart's own objects are compiled in policy.test.ts, which renders them all. */
const SIDECARS = [
  ['values.yaml', 'extras.yaml', 'pod-monitor.yaml', 'proxy-protocol.yaml'],
  ['native.yaml', 'extras.yaml'],
];

let chart: NatsChart;
let rendered: Manifest[][];
before(async () => {
  chart = await NatsChart.standIn();
  rendered = await Promise.all(SIDECARS.map((files) => overlaid(chart.path, files)));
});
after(() => chart?.[Symbol.asyncDispose]());

test('no overlay and no plain manifest has a field that its API does not know', {
  timeout: 600_000,
}, async () => {
  const plain = readdirSync(EXAMPLE).filter((file) => file.endsWith('.yaml'));
  assert.ok(plain.length >= 4);
  assert.equal(await compile([...rendered.flat(), ...plain.flatMap(plainObjects)]), '');
});

test('a misspelt field would be noticed, and a misspelt probe of a sidecar wherever it stands', {
  timeout: 600_000,
}, async () => {
  const deployment = structuredClone(only(await render(), 'Deployment'));
  deployment['spec'].template.spec.terminationGracePeriodSecond = 30;
  const probes = [...rendered, plainObjects('sidecar.yaml')].map((objects) => {
    const text = JSON.stringify(objects).replaceAll('failureThreshold', 'failureTreshold');
    return JSON.parse(text) as Manifest[];
  });
  const said = await compile([deployment], ...probes);
  assert.match(said, /objects-0\.ts.+terminationGracePeriodSecond/);
  for (const [index] of probes.entries())
    assert.match(said, new RegExp(`objects-${index + 1}\\.ts.+failureTreshold`));
});
