import { element } from '../shared/dom.ts';
import { visible } from '../shared/visible.ts';
import { type CodeKind, type CodeSubject, codeOf } from './code-text.ts';

/** What the forms say now, as code to take away. */
export class AsCode {
  readonly #now: () => CodeSubject;
  readonly #shown = element('code-text');
  readonly #copy = element('code-copy', HTMLButtonElement);
  #kind: CodeKind = 'js';

  constructor(now: () => CodeSubject) {
    this.#now = now;
    for (const choice of document.querySelectorAll<HTMLInputElement>('input[name=code]'))
      choice.addEventListener('change', () => {
        this.#kind = choice.value as CodeKind;
        this.draw();
      });
    this.#copy.addEventListener('click', () => void this.#copyIt());
    this.draw();
  }

  draw(): void {
    this.#copy.textContent = 'Copy';
    this.#shown.textContent = visible(codeOf(this.#kind, this.#now()));
  }

  async #copyIt(): Promise<void> {
    try {
      await navigator.clipboard.writeText(codeOf(this.#kind, this.#now()));
      this.#copy.textContent = 'Copied';
    } catch {
      // A page without TLS may not write there, but from this machine: it is selected, for the keyboard.
      getSelection()?.selectAllChildren(this.#shown);
    }
  }
}
