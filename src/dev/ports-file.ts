import { readFile } from 'node:fs/promises';

/** nats-server writes this file when it listens; undefined until it is whole. */
export async function readPorts(
  file: string,
): Promise<{ client: number; monitor: number | undefined } | undefined> {
  try {
    const ports = JSON.parse(await readFile(file, 'utf8')) as { nats?: string[]; monitoring?: string[] };
    const [client, monitor] = [portOf(ports.nats), portOf(ports.monitoring)];
    return client === undefined ? undefined : { client, monitor };
  } catch {
    return undefined; // not there yet, or half written
  }
}

function portOf(urls: readonly string[] | undefined): number | undefined {
  const digits = /:(\d+)$/.exec(urls?.[0] ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}
