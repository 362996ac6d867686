#!/usr/bin/env node
// Plain JavaScript without static imports, so that a Node which is too old prints the line below and not a
// syntax error. Everything else is TypeScript: run as it is from a checkout, bundled in the published package
// (Node strips no types below node_modules).

// Loading the program takes a moment. Signals that come meanwhile are held for it (src/signals.ts); a debugger is
// never opened by one. The flag --disable-sigusr1 cannot stand in the first line: BusyBox's env takes no -S.
const signals = { held: [], take: undefined };
globalThis.natsgateSignals = signals;
for (const name of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGUSR2', 'SIGHUP']) {
  process.on(name, (signal) => {
    if (signals.take === undefined) signals.held.push(signal);
    else signals.take(signal);
  });
}
process.on('SIGUSR1', () => {});

const needed = [24, 17];
const found = process.versions.node.split('.').map(Number);

if (found[0] < needed[0] || (found[0] === needed[0] && found[1] < needed[1])) {
  process.stderr.write(
    `natsgate needs Node.js ${needed.join('.')} or newer; this is ${process.versions.node} (${process.execPath}); docs/install.md says how to get one\n`,
  );
  process.exit(1);
}

void import('node:fs').then(({ existsSync }) => {
  const source = new URL('../src/main.ts', import.meta.url);
  const isCheckout = !source.pathname.includes('/node_modules/') && existsSync(source);
  return import(isCheckout ? source.href : '../dist/natsgate.js');
});
