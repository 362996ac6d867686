import { render } from 'preact';
import { element } from '../shared/dom.ts';
import { bindThemeButton } from '../shared/theme.ts';
import { followPlace } from './follow-place.ts';
import { page, summary } from './page.tsx';
import { followStatus } from './status-feed.ts';

/*
 * The status page, joined. Everything that it shows comes from the API of the admin port, while somebody looks:
 *
 *   /api/events, each second ─▶ status-feed ─▶ Overview, the head     the hash of the address ─▶ place ─▶ which view
 *   /api/status, when needed ─▶             └▶ the beat of all readings
 *   all else, when it is due ─▶ reading, by the view that shows it
 */
bindThemeButton();
followPlace();
followStatus();
element('page').replaceChildren();
element('summary').replaceChildren();
render(page(), element('page'));
render(summary(), element('summary'));
