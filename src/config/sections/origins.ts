import { parseOriginEntry } from '../../net/origin-entry.ts';
import { requiredList, requiredSection, type ValuesOf, words } from '../keys.ts';
import { ORIGIN_FORM, originEntry } from '../urls.ts';
import type { Check } from './check.ts';

const EXPECTED = 'a list of origins such as [https://app.example.com]';

export const origins = requiredSection(
  'Who may connect.',
  EXPECTED,
  {
    allow: requiredList(
      'Pages that may connect: origins, one-label wildcards, self, localhost, or * in quotes.',
      originEntry(EXPECTED),
      EXPECTED,
      ORIGIN_FORM,
    ),
    missing: words('Requests without Origin: programs send none, browsers always do.', 'deny', [
      'deny',
      'allow',
    ]),
    opaque: words('Requests with Origin null: sandboxed frames, file and data pages.', 'deny', [
      'deny',
      'allow',
    ]),
  },
  'allow',
);

/** `allow` as written: exact origins, one-label wildcards, `self`, `*`, application origins; not yet compiled. */
export type OriginsConfig = ValuesOf<typeof origins>;

export function checkOrigins({ allow }: OriginsConfig, hasHosts: boolean, { warning, shown }: Check): void {
  const seen = new Set<string>();
  for (const [index, entry] of allow.entries()) {
    const path = ['origins', 'allow', index];
    const parsed = parseOriginEntry(entry);
    if (parsed.kind === 'problem') continue;
    if (parsed.warning !== undefined)
      warning('broad_origin', path, `${shown(path, entry)}: ${parsed.warning}`);
    // Two spellings of one origin are the same entry.
    if (seen.has(parsed.text)) warning('repeated', path, 'the entry is in the list twice; write it once');
    seen.add(parsed.text);
  }
  if (allow.includes('*') && allow.some(isOfWebPages)) {
    warning(
      'star_beside_others',
      ['origins', 'allow', allow.indexOf('*')],
      "'*' allows every web page, so the entries of web pages beside it change nothing; write them without '*', or '*' without them",
    );
  }
  if (allow.includes('self') && !hasHosts) {
    warning(
      'self_without_hosts',
      ['origins', 'allow', allow.indexOf('self')],
      'without listen.hosts the entry self only matches loopback names; write the names of the gateway in listen.hosts',
    );
  }
}

/** What '*' lets in as well; applications it does not. */
const isOfWebPages = (origin: string): boolean =>
  ['exact', 'wildcard', 'self', 'localhost'].includes(parseOriginEntry(origin).kind);
