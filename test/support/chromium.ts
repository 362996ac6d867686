import { userInfo } from 'node:os';
import { type Browser, chromium } from 'playwright-core';
import { installDebianPackage } from '../../src/dev/debian-packages.ts';
import { findOnPath, messageOf } from '../../src/dev/executables.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** Starts a headless Chromium that talks to nobody but the pages of a test. The caller closes it. */
export async function launchChromium(): Promise<Browser> {
  const flags = [
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  return chromium.launch({
    executablePath: await findChromium(),
    // Chromium's sandbox refuses to run as root.
    args: isRoot() ? ['--no-sandbox', ...flags] : flags,
    timeout: 180_000,
  });
}

/** `CHROMIUM`, the usual names on the PATH, or Debian's package when root; throws one sentence otherwise. */
export async function findChromium(): Promise<string> {
  const named = process.env['CHROMIUM'];
  if (named) return named;
  const found = await onPath();
  if (found !== undefined) return found;
  let failure = 'only root can install packages';
  if (isRoot()) {
    try {
      await installDebianPackage({
        packageName: 'chromium',
        env: process.env,
        say: (line) => console.error(line),
      });
      const installed = await onPath();
      if (installed !== undefined) return installed;
    } catch (error) {
      failure = messageOf(error);
    }
  }
  throw new Error(`no Chromium: install it, or set CHROMIUM to the path of Chromium or Chrome (${failure})`);
}

async function onPath(): Promise<string | undefined> {
  for (const name of NAMES) {
    const [path] = await findOnPath(name, process.env);
    if (path !== undefined) return path;
  }
  return undefined;
}

function isRoot(): boolean {
  return userInfo().uid === 0;
}
