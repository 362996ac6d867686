/** While a configuration is broken, its certificates still have to be renewed: their expiry would cut everybody off. */
import type { AdminTls, Config, ServerTls, UpstreamTls } from './config.ts';
import { digestOf, type FileReader, type FileSeen } from './files.ts';
import type { Setting, Settings } from './settings.ts';
import { filesOf, judgeTls, MAX_PEM_BYTES, type TlsBytes } from './tls-files.ts';

/** What runs: the configuration, the same by the keys of the file, and the files it was made from. */
export type Running = {
  readonly config: Config;
  readonly settings: Settings;
  readonly files: readonly FileSeen[];
};

/** What is wrong with the files is in the report of the whole already. */
const SILENT = { problem: () => {}, warning: () => {} };

/**
 * `running` with what the files of its certificates hold now, under the names with which it runs: in what is broken a key
 * may name another file, or none. A `tls` section whose files do not fit stays as it is, the very same object.
 */
export async function renewed(running: Running, reader: FileReader): Promise<Running> {
  const { config } = running;
  const settings = new Map(running.settings);
  const renew = async <Part extends { readonly tls: ServerTls | AdminTls | UpstreamTls | undefined }>(
    section: string,
    part: Part,
  ): Promise<Part> => {
    if (part.tls === undefined) return part;
    const bytes: TlsBytes = {};
    const now = new Map<string, Setting>();
    for (const [key, path] of filesOf(part.tls)) {
      const name = `${section}.tls.${key}`;
      const found = await reader.read(path, MAX_PEM_BYTES);
      const setting = settings.get(name);
      if (!found.ok || setting === undefined) return part;
      bytes[key] = found.bytes;
      now.set(name, { ...setting, content: digestOf(found) });
    }
    if ([...now].every(([name, { content }]) => settings.get(name)?.content === content)) return part;
    const material = judgeTls(bytes, part.tls.minVersion, SILENT);
    if (material === undefined) return part;
    for (const [name, setting] of now) settings.set(name, setting);
    return { ...part, tls: { ...part.tls, material: () => material } };
  };
  const listen = await renew('listen', config.listen);
  const admin = await renew('admin', config.admin);
  const upstream = await renew('upstream', config.upstream);
  const routes: Config['routes'][number][] = [];
  for (const route of config.routes) {
    const isInherited = route.upstream === config.upstream;
    const own = isInherited ? upstream : await renew(`routes[${route.name}].upstream`, route.upstream);
    routes.push({ ...route, upstream: own });
  }
  return { ...running, config: { ...config, listen, admin, upstream, routes }, settings };
}
