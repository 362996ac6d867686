/** Writes docs/config.schema.json from the schema in src/config/. Run it after changing a key; a test compares both. */
import { writeFileSync } from 'node:fs';
import { configJsonSchemaText } from '../src/config/json-schema.ts';

writeFileSync(new URL('../docs/config.schema.json', import.meta.url), configJsonSchemaText());
