import { fileURLToPath } from 'node:url';
import { findNatsServer } from '../src/dev/nats-server.ts';
import { findChromium } from '../test/support/chromium.ts';
import { findContainerTools } from '../test/support/containers.ts';
import { findHaproxy } from '../test/support/haproxy.ts';
import { findHelm } from '../test/support/helm.ts';
import { findPrometheus, findPromtool } from '../test/support/promtool.ts';
import { findTshark } from '../test/support/tshark.ts';
import { findApache, findCaddy, findNginx } from '../test/support/web-proxies.ts';

/**
 * `npm test` begins here: brings what the tests need beyond npm and says what it found, so that no test has to
 * wait for a download. Ends with one sentence for each thing that is missing, and exit code 1.
 */
const say = (line: string): void => console.log(line);
let missing = 0;

for (const find of [
  () =>
    findNatsServer({
      cacheDir: fileURLToPath(new URL('../.cache/natsgate', import.meta.url)),
      env: process.env,
      say,
    }),
  async () => say(`Chromium: ${await findChromium()}`),
  async () => say(`promtool: ${await findPromtool()}`),
  async () => say(`Prometheus: ${await findPrometheus()}`),
  async () => say(`tshark: ${(await findTshark()).folder}/tshark`),
  async () => say(`helm: ${await findHelm()}`),
  async () => say(`containers: ${await findContainerTools()}`),
  async () => say(`HAProxy: ${await findHaproxy()}`),
  async () => say(`nginx: ${(await findNginx()).command.at(-1)}`),
  async () => say(`Apache httpd: ${(await findApache()).command.at(-1)}`),
  async () => say(`Caddy: ${(await findCaddy()).command.at(-1)}`),
]) {
  try {
    await find();
  } catch (error) {
    missing++;
    console.error((error as Error).message);
  }
}
process.exitCode = missing === 0 ? 0 : 1;
