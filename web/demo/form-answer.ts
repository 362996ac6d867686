import { element } from '../shared/dom.ts';
import { visible } from '../shared/visible.ts';

/** The line below a form that says what came of it, or what is wrong with the field. */
export class FormAnswer {
  readonly #line: HTMLElement;
  readonly #field: HTMLInputElement;

  constructor(line: string, field: string) {
    this.#line = element(line);
    this.#field = element(field, HTMLInputElement);
    this.#field.setAttribute('aria-describedby', line);
    this.#field.form?.addEventListener('input', () => this.clear());
  }

  good(text: string): void {
    this.#show('answer', text, false);
  }

  bad(text: string): void {
    this.#show('answer bad', text, true);
  }

  clear(): void {
    this.#show('answer', '', false);
  }

  #show(className: string, text: string, isWrong: boolean): void {
    this.#line.className = className;
    this.#line.textContent = visible(text);
    this.#field.setAttribute('aria-invalid', String(isWrong));
  }
}
