import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Rows that are drawn before and after those in view, so that Tab finds the next one. */
const AROUND = 6;
/** Until one has been measured. */
const ROW_PX = 36;
/** Whoever drags through thousands of rows looks at those where the hand rests. */
const REST_MS = 100;

/** In which list somebody was last, and where, for the way back from one of its rows. */
let left = { list: '', top: 0 };

/** The rows to draw, all in pixels but `total`. `top`, `height`: of the part in view; `row`: of one row. */
export function rowsInView(top: number, height: number, row: number, total: number) {
  const first = Math.max(0, Math.min(Math.floor(top / row), total) - AROUND);
  const end = Math.min(total, Math.ceil((top + height) / row) + AROUND);
  return { first, count: Math.max(0, end - first) };
}

/**
 * What to draw of a long list whose rows have one height. `list`: which one it is; another one begins at its top.
 * `onLook` gets the first row that is drawn, when scrolling rests.
 */
export function useVirtualRows(list: string, total: number, onLook: (first: number) => void) {
  const ref = useRef<HTMLElement>(null);
  const [sizes, setSizes] = useState({ row: ROW_PX, head: 0, height: 0 });
  const [top, setTop] = useState(0);
  const { first, count } = rowsInView(top, sizes.height, sizes.row, total);
  const hadFocus = ref.current?.contains(document.activeElement) === true;

  useLayoutEffect(() => {
    const scroller = ref.current;
    if (scroller === null) return;
    // A row with the focus was scrolled out of view.
    if (hadFocus && !scroller.contains(document.activeElement)) scroller.focus({ preventScroll: true });
    const row = heightOf(scroller, 'tbody') / count;
    const now = {
      row: count === 0 || Math.abs(row - sizes.row) < 0.05 ? sizes.row : row,
      head: heightOf(scroller, 'thead'),
      height: scroller.clientHeight,
    };
    if (now.row !== sizes.row || now.head !== sizes.head || now.height !== sizes.height) setSizes(now);
  });
  useLayoutEffect(() => {
    const scroller = ref.current;
    if (scroller === null) return;
    if (left.list !== list) left = { list, top: 0 };
    scroller.scrollTop = left.top;
    setTop(left.top);
  }, [list]);
  useEffect(() => {
    const resting = setTimeout(() => onLook(first), REST_MS);
    return () => clearTimeout(resting);
  }, [first, onLook]);
  useEffect(() => {
    const resized = new ResizeObserver(([entry]) => {
      const height = entry?.target.clientHeight ?? 0;
      setSizes((before) => (before.height === height ? before : { ...before, height }));
    });
    if (ref.current !== null) resized.observe(ref.current);
    return () => resized.disconnect();
  }, []);

  const onScroll = (): void => {
    left.top = ref.current?.scrollTop ?? 0;
    setTop(Math.floor(left.top / sizes.row) * sizes.row);
  };
  return {
    first,
    count,
    /** Of all rows with the head, and above the first one that is drawn. */
    height: sizes.head + total * sizes.row,
    above: first * sizes.row,
    scroller: { ref, onScroll },
  };
}

const heightOf = (scroller: Element, part: string): number =>
  scroller.querySelector(part)?.getBoundingClientRect().height ?? 0;
