import type { Template } from '../nats/name-template.ts';
import type { EntryTemplate, FeatureUse } from './rules.ts';

/** Entries of a policy as they are written in the configuration. */

const templateText = (template: Template<string>): string =>
  template.map((part) => (typeof part === 'string' ? part : `{${part.value}}`)).join('');

export const entryText = ({ subject, queue }: EntryTemplate): string =>
  [subject, ...(queue === undefined ? [] : [queue])].map(templateText).join(' ');

export const useText = ({ feature, first, second }: FeatureUse): string =>
  `${feature} ${[first, second]
    .map(templateText)
    .filter((part) => part !== '')
    .join('/')}`;

export const inboxText = templateText;
