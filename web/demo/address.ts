/**
 * The address of a gateway as somebody types or pastes it: `localhost:8080`, `gateway.example.com/path`, or the address
 * of a page. Undefined: it is none.
 */
export function gatewayAddress(typed: string, pageProtocol: string): string | undefined {
  const text = typed.trim();
  const [, scheme, rest = text] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text) ?? [];
  const known: Readonly<Record<string, string>> = { ws: 'ws', wss: 'wss', http: 'ws', https: 'wss' };
  const webSocket = scheme === undefined ? undefined : known[scheme.toLowerCase()];
  if (scheme !== undefined && webSocket === undefined) return undefined;
  // A page that came by TLS may open nothing else.
  const address = `${webSocket ?? (pageProtocol === 'https:' ? 'wss' : 'ws')}://${rest}`;
  if (/\s/.test(address) || !URL.canParse(address)) return undefined;
  const { host, username } = new URL(address);
  return host === '' || username !== '' ? undefined : address;
}

/** Whether both lead to the same port of the same host, by whatever path. */
export function isSameGateway(one: string, other: string): boolean {
  return URL.canParse(one) && URL.canParse(other) && new URL(one).host === new URL(other).host;
}
