import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

/**
 * A folder as the kubelet mounts a ConfigMap or a Secret: each file is a link through `..data`, a link that moves to
 * a folder with the new files in one step. The files themselves are never written.
 */
export class MountedFolder implements AsyncDisposable {
  readonly path: string;
  readonly #folder: TemporaryFolder;
  #version = 0;

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
    this.path = folder.path;
  }

  static async create(files: Readonly<Record<string, string>>): Promise<MountedFolder> {
    const folder = new MountedFolder(await temporaryFolder());
    await folder.swap(files);
    for (const name of Object.keys(files)) await symlink(join('..data', name), folder.file(name));
    return folder;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** All files anew, at once. */
  async swap(files: Readonly<Record<string, string>>): Promise<void> {
    const before = `..version_${this.#version}`;
    const now = `..version_${++this.#version}`;
    await mkdir(this.file(now));
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(this.file(now), name), text, { mode: 0o400 });
    }
    await symlink(now, this.file('..data_tmp'));
    await rename(this.file('..data_tmp'), this.file('..data'));
    await rm(this.file(before), { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}
