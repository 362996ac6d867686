/** Writes the WebAssembly modules that are made of *.wat. Run it after changing one; a test compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { wasmFileText, wasmModules } from './wasm.ts';

for (const { source, target, constant } of wasmModules) {
  writeFileSync(target, await wasmFileText(readFileSync(source, 'utf8'), source, constant));
}
