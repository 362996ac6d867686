import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The constant in each target has the module that the source describes. */
export const wasmModules = [
  ['src/nats/fast-scan', 'FAST_SCAN_MODULE'],
  ['src/nats/stamp-run', 'STAMP_RUN_MODULE'],
  ['src/websocket/unmask', 'UNMASK_MODULE'],
].map(([path, constant]) => ({
  source: `${root}${path}.wat`,
  target: `${root}${path}.wasm.ts`,
  constant: constant as string,
}));

/** The text of the target. @throws when the source is not a valid module, with line and column. */
export async function wasmFileText(wat: string, source: string, constant: string): Promise<string> {
  const { parseWat } = await wabt();
  const module = parseWat(basename(source), wat, { simd: true });
  module.validate();
  // A profile shows the names of functions.
  const base64 = Buffer.from(module.toBinary({ write_debug_names: true }).buffer).toString('base64');
  module.destroy();
  const lines = base64.match(/.{1,100}/g) ?? [];
  return [
    `/** Made of ${basename(source)} by \`npm run build:wasm\`; base64. */`,
    `export const ${constant} = [`,
    ...lines.map((line) => `  '${line}',`),
    "].join('');",
    '',
  ].join('\n');
}
