/**
 * Writes what is made from src/config/ and from the chart's values.yaml: docs/config.schema.json, its type
 * src/config/configuration.ts, the chart's values.schema.json, what its templates know of the gateway, its dashboard and the table of values in its README, and the rules of examples/compose/. Run it after changing a key; tests compare.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configJsonSchemaText } from '../src/config/json-schema.ts';
import { composeRulesText } from './chart/compose-rules.ts';
import { dashboardText } from './chart/dashboard.ts';
import { factsText } from './chart/facts.ts';
import { readmeText, valuesSchemaText } from './chart/schema.ts';
import { configurationTypeText } from './configuration-type.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const chart = `${root}helm/natsgate`;
writeFileSync(`${root}docs/config.schema.json`, configJsonSchemaText());
writeFileSync(`${root}src/config/configuration.ts`, configurationTypeText());
writeFileSync(`${chart}/values.schema.json`, valuesSchemaText(chart));
writeFileSync(`${chart}/README.md`, readmeText(chart, readFileSync(`${chart}/README.md`, 'utf8')));
writeFileSync(`${chart}/files/gateway.json`, factsText());
writeFileSync(`${chart}/files/dashboards/natsgate.json`, dashboardText());
writeFileSync(`${root}examples/compose/prometheus/rules.yaml`, composeRulesText(chart));
