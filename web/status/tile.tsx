import type { ComponentChildren, VNode } from 'preact';
import { whole } from './format.ts';

/** Where there is more of it, said as a question that it answers. */
type More = { readonly href: string; readonly text: string };
type TileProps = { readonly title: string; readonly more?: More; readonly children: ComponentChildren };

/** Some numbers of the overview. */
export function Tile({ title, more, children }: TileProps): VNode {
  return (
    <section class="card" aria-label={title}>
      <div class="card-head">
        <h2>{title}</h2>
        {more !== undefined && <a href={more.href}>{more.text} →</a>}
      </div>
      {children}
    </section>
  );
}

type CountsProps = {
  readonly of: Readonly<Record<string, number>>;
  /** Where there is more of a word. */
  hrefOf?(word: string): string;
};

/** How often each word was counted, the most first. */
export function Counts({ of, hrefOf }: CountsProps): VNode {
  const rows = Object.entries(of).toSorted(([, one], [, other]) => other - one);
  return (
    <dl class="facts">
      {rows.map(([word, count]) => (
        <div key={word}>
          <dt>{hrefOf === undefined ? word : <a href={hrefOf(word)}>{word}</a>}</dt>
          <dd>{whole(count)}</dd>
        </div>
      ))}
    </dl>
  );
}
