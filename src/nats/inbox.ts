const INBOX = '_INBOX.';
/** In a subject, or in a sentence, where quotes may be around it. */
const INBOXES = /_INBOX\.\S*[^\s"']/g;
const INBOX_CHARACTERS = 8;

/** Who knows an inbox can answer in place of somebody else. The end of each token is what differs. */
export const withShortInboxes = (text: string): string =>
  text.includes(INBOX) ? text.replaceAll(INBOXES, shortInbox) : text;

export const shortInbox = (inbox: string): string =>
  inbox
    .split('.')
    .map((token) => token.slice(-INBOX_CHARACTERS))
    .join('.');
