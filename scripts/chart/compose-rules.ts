import { readFileSync } from 'node:fs';

/** The chart's recording rules, which its dashboard needs, for a Prometheus without operator: that of examples/compose/. */
export function composeRulesText(chart: string): string {
  const rules = readFileSync(`${chart}/files/rules/recording.yaml`, 'utf8').replaceAll(
    '[[series]]',
    'job="natsgate"',
  );
  const written = rules.split('\n').filter((line) => !line.startsWith('#') && line !== '');
  return `# Written by scripts/write-schema.ts.\ngroups:\n  - name: natsgate\n    rules:\n${written.map((line) => `      ${line}\n`).join('')}`;
}
