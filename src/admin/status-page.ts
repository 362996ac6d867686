import { answer, wantsHtml } from '../private-http/answer.ts';
import type { Exchange, Routes } from '../private-http/exchange.ts';
import { staticFile } from '../private-http/static-file.ts';
import type { Status } from '../status.ts';
import { firstScreen, PLACE } from './first-screen.ts';
import { asHtml, asText } from './index-page.ts';

export type StatusPageSource = {
  readonly status: Pick<Status, 'gateway'>;
  /** A file of the built page; undefined where it is not there, as in a checkout that was not built. */
  pageFile(name: string): Promise<Buffer<ArrayBuffer> | undefined>;
};

export type StatusPageRights = {
  /** Whether the page is served at all. */
  isOn(): boolean;
  /** Whether the request may see what /api/status shows. */
  maySee(exchange: Exchange): boolean;
  /** Whether there is a token to log in with. */
  takesLogin(): boolean;
};

/** Of a clone; packages and images have it. */
export const NOT_BUILT = 'The status page is not built. In a clone of natsgate, npm run build makes it.';

/** What index.html names, beside itself. */
const FILES = ['status.js', 'status.css', 'early-theme.js', 'icon.svg'];

/** Nothing from outside, no inline script or style, and markup is never made of text. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "object-src 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** `/`: the status page for a browser, which asks for HTML; a list of what the port serves for everybody else. */
export function addStatusPage(routes: Routes, source: StatusPageSource, rights: StatusPageRights): void {
  routes.get('/', async (exchange) => {
    exchange.header('Vary', 'Accept');
    if (!wantsHtml(exchange)) return answer(exchange, asText());
    const isOn = rights.isOn();
    const page = isOn ? await source.pageFile('index.html') : undefined;
    if (page === undefined) {
      const why = isOn ? NOT_BUILT : 'The status page is off: admin.page.';
      return answer(exchange, asHtml(why), { contentType: 'text/html; charset=utf-8' });
    }
    const status = rights.maySee(exchange) ? source.status.gateway() : undefined;
    const screen = firstScreen(status, rights.takesLogin());
    // By a function: a `$` of a replacement text has a meaning.
    const html = page.toString().replace(PLACE, () => screen);
    return answer(exchange, html, {
      contentType: 'text/html; charset=utf-8',
      headers: { 'Content-Security-Policy': CONTENT_SECURITY_POLICY, 'Referrer-Policy': 'same-origin' },
    });
  });
  for (const name of FILES)
    routes.get(`/${name}`, (exchange) =>
      rights.isOn() ? staticFile(exchange, source.pageFile.bind(source)) : exchange.notFound(),
    );
}
