import { element } from './dom.ts';

/** The button that overrides the system's light or dark, and remembers it. */
export function bindThemeButton(): void {
  const button = element('theme', HTMLButtonElement);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const root = document.documentElement;
  const current = () => root.dataset['theme'] ?? (dark.matches ? 'dark' : 'light');
  const label = () => {
    button.setAttribute('aria-label', `Switch to the ${current() === 'dark' ? 'light' : 'dark'} theme`);
  };
  button.addEventListener('click', () => {
    root.dataset['theme'] = current() === 'dark' ? 'light' : 'dark';
    localStorage.setItem('theme', current());
    label();
  });
  dark.addEventListener('change', label);
  label();
}
