import { element, make } from '../shared/dom.ts';
import { sentenceOf } from './reasons.ts';

/** The one line above the cards, for what concerns the whole page. */
export function showNotice(title: string, ...text: readonly (Node | string)[]): void {
  const notice = element('notice');
  notice.replaceChildren(make('b', '', title), ' ', ...text);
  notice.hidden = false;
}

export function hideNotice(): void {
  element('notice').hidden = true;
}

/** The gateway refused this page for its origin. */
export function explainOrigin(outcome: string, allowedOrigin: string): void {
  const back = make('a', '', `Open it as ${allowedOrigin}`);
  back.href = allowedOrigin;
  showNotice(
    'The gateway refused this page.',
    `Its origin is ${location.origin}, and only ${allowedOrigin} is on the list. `,
    make('code', '', `403 ${outcome}`),
    ` ${sentenceOf(outcome) ?? ''} `,
    back,
  );
}
