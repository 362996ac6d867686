import { join } from 'node:path';
import type { SourceFile } from 'typescript/unstable/ast';
import { API, type Program, type Snapshot } from 'typescript/unstable/sync';

/** The type checker over a folder with a tsconfig.json; one file is checked in milliseconds. */
export class Compiler {
  readonly #api: API;
  readonly #project: string;
  #snapshot: Snapshot;

  constructor(folder: string) {
    this.#api = new API({ cwd: folder });
    this.#project = join(folder, 'tsconfig.json');
    this.#snapshot = this.#api.updateSnapshot({ openProjects: [this.#project] });
  }

  sourceFile(path: string): SourceFile {
    return this.#program().getSourceFile(path)!;
  }

  /** Reads the file anew. */
  accepts(path: string): boolean {
    const before = this.#snapshot;
    this.#snapshot = this.#api.updateSnapshot({ fileChanges: { changed: [path] } });
    before.dispose();
    const program = this.#program();
    return [program.getSyntacticDiagnostics(path), program.getSemanticDiagnostics(path)].flat().length === 0;
  }

  #program(): Program {
    return this.#snapshot.getProject(this.#project)!.program;
  }

  close(): void {
    this.#api.close();
  }
}
