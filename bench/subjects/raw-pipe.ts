import { join } from 'node:path';
import { EXACT_MEMORY } from '../memory.ts';
import { Program } from './program.ts';
import type { SubjectKind } from './subject.ts';

const PROGRAM = join(import.meta.dirname, 'raw-pipe-program.ts');

/** The control of every table. */
export const RAW_PIPE = 'raw Node pipe';

export const rawPipe: SubjectKind = {
  name: RAW_PIPE,
  canTls: true,
  async version() {
    return process.versions.node;
  },
  async start({ upstreamPort, tls, exactMemory = false }) {
    const files = tls === undefined ? [] : [tls.certFile, tls.keyFile];
    const program = await Program.start(
      process.execPath,
      () => [...(exactMemory ? EXACT_MEMORY.flags : []), PROGRAM, String(upstreamPort), ...files],
      {},
      exactMemory ? EXACT_MEMORY.env : {},
    );
    const [, port] = await program.said(/listens on (\d+)/);
    return {
      protocol: 'tcp',
      port: Number(port),
      tls: tls !== undefined,
      pid: program.pid,
      pids: () => [program.pid],
      collects: exactMemory,
      stop: () => program.stop(),
    };
  },
};
