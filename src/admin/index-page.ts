/** What the admin port has, for a person who opens it. */
const PAGES: readonly (readonly [path: string, says: string])[] = [
  ['/livez', 'the process lives'],
  ['/readyz', 'new sessions are welcome; also as /healthz'],
  ['/metrics', 'Prometheus'],
  ['/api/status', 'what is running, as JSON'],
  ['/api/config', 'every key of the running configuration, and where it was written'],
  ['/api/events', 'how it does, each second, as Server-Sent Events'],
  ['/api/login', 'POST {"token": "…"}, as JSON or form: a cookie for browsers; /api/logout ends it'],
  ['/api/log', 'the level of the log; PUT {"level": "debug"} sets it until the next reload'],
  ['/api/log/lines', 'its last lines; ?after=NUMBER: those after one'],
  ['/api/reload', 'POST: read the configuration again'],
  ['/api/sessions', 'who is connected; ?state=ended: who was; ?sort=, ?user= and more: docs/operations.md'],
  ['/api/sessions/ID', 'one of them, with its handshake and what inspection saw'],
  ['/api/sessions/ID/operations', 'what it says, while it says it, as Server-Sent Events'],
  ['/api/handshakes', 'what the last 200 handshakes were answered, and what took how long'],
  ['/api/subjects', 'the subjects with the most messages, by a sample while somebody asks'],
  ['/api/handshakes/try', 'POST {"origin": "…", "path": "/"}: what that handshake would be answered'],
  ['/api/policy', 'what clients may say and how fast, and what came of it'],
  ['/api/policy/test', 'POST {"role": "…", "operation": "PUB orders.new"}: whether that is allowed'],
  ['/api/policy/observed', 'what policies have refused most often, or would have'],
  ['/api/captures', 'what was recorded of sessions; POST {"session": ID}: record one'],
  ['/api/captures/ID/file', 'one of them, as NDJSON; ?as=pcapng: for Wireshark'],
  ['/api/captures/ID/stop', 'POST: stop it; DELETE /api/captures/ID: delete it'],
  ['/api/openapi.json', 'all of /api as an OpenAPI 3.1 document'],
  ['/api/sessions/ID/kick', 'POST: end it'],
  [
    '/api/sessions/kick',
    'POST {"user": "…", "for": "10m"}: end all sessions of a user, who stays out for that time',
  ],
];

export const asText = (): string =>
  `natsgate admin port\n\n${PAGES.map(([path, says]) => `${path.padEnd(30)}${says}\n`).join('')}`;

/** For a browser, which asks for HTML: the same with links, after a sentence about why there is no more. */
export const asHtml = (why = ''): string => {
  const rows = PAGES.map(([path, says]) => {
    const isLink = !says.startsWith('POST') && !path.includes('/ID');
    return `<dt>${isLink ? `<a href="${path}">${path}</a>` : path}</dt><dd>${says}</dd>`;
  });
  return `<!doctype html><html lang="en"><title>natsgate</title><h1>natsgate admin port</h1><p>${why}</p><dl>${rows.join('')}</dl></html>\n`;
};
