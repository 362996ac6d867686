import { BlockList } from 'node:net';
import { type Host, isLoopback } from './host.ts';
import type { OriginScheme } from './origin-grammar.ts';

/**
 * Suffixes under which strangers can get a name of their own: a wildcard over one of them lets every customer
 * of that host, or every owner of a domain, in. The common ones; the public suffix list has thousands and
 * changes each week, and a warning need not be complete.
 */
const SHARED_SUFFIXES: ReadonlySet<string> = new Set([
  ...['github.io', 'githubpreview.dev', 'app.github.dev', 'gitlab.io', 'bitbucket.io', 'codeberg.page'],
  ...[
    'netlify.app',
    'vercel.app',
    'now.sh',
    'pages.dev',
    'workers.dev',
    'r2.dev',
    'surge.sh',
    'onrender.com',
  ],
  ...[
    'herokuapp.com',
    'fly.dev',
    'deno.dev',
    'glitch.me',
    'replit.app',
    'replit.dev',
    'repl.co',
    'railway.app',
  ],
  ...['web.app', 'firebaseapp.com', 'appspot.com', 'run.app', 'cloudfunctions.net', 'storage.googleapis.com'],
  ...['azurewebsites.net', 'azurestaticapps.net', 'cloudapp.net', 'cloudfront.net', 'amplifyapp.com'],
  ...['ngrok.io', 'ngrok.app', 'ngrok-free.app', 'ngrok.dev', 'trycloudflare.com', 'loca.lt', 'ts.net'],
  ...['stackblitz.io', 'webcontainer.io', 'codesandbox.io', 'csb.app', 'gitpod.io', 'lovable.app'],
  ...[
    'blogspot.com',
    'wordpress.com',
    'wixsite.com',
    'weebly.com',
    'myshopify.com',
    'webflow.io',
    'notion.site',
  ],
  ...['nip.io', 'sslip.io', 'duckdns.org', 'dyndns.org', 'no-ip.org', 'ddns.net'],
  ...['co.uk', 'org.uk', 'ac.uk', 'com.au', 'net.au', 'co.nz', 'co.jp', 'co.kr', 'co.in', 'co.za', 'co.il'],
  ...['com.br', 'com.cn', 'com.mx', 'com.ar', 'com.tr', 'com.tw', 'com.sg', 'com.hk', 'com.pl', 'com.ua'],
]);

/** Storage and host names with the region in front: everything at or below these is shared. */
const SHARED_TREES = ['amazonaws.com', 'core.windows.net', 'cloudapp.azure.com'] as const;

/** Names that resolve inside a site only (RFC 6761, RFC 6762, RFC 8375, ICANN's .internal) or by habit. */
const LOCAL_SUFFIXES = ['.local', '.internal', '.test', '.lan', '.home.arpa'] as const;

const PRIVATE_ADDRESSES = privateAddresses();

/** The warning for an entry that is allowed and dangerous, as a part of an object. */
export function entryWarning(scheme: OriginScheme, host: Host, wildcard: boolean): { warning?: string } {
  const name = withoutTrailingDot(host.text);
  if (wildcard && isShared(name)) {
    return { warning: `anybody can get a name under ${name}, and with it access; write the names out` };
  }
  if (scheme === 'http' && isPublic(host)) {
    return {
      warning: 'a page without TLS can be changed by everybody on the way to the browser; write https://',
    };
  }
  if (name !== host.text) {
    return { warning: `the trailing dot is part of the name: ${name} without the dot is another origin` };
  }
  return {};
}

function isShared(name: string): boolean {
  return SHARED_SUFFIXES.has(name) || SHARED_TREES.some((tree) => name === tree || name.endsWith(`.${tree}`));
}

function isPublic(host: Host): boolean {
  if (isLoopback(host)) return false;
  if (host.kind === 'ipv4') return !PRIVATE_ADDRESSES.check(host.text, 'ipv4');
  if (host.kind === 'ipv6') return !PRIVATE_ADDRESSES.check(host.text.slice(1, -1), 'ipv6');
  const name = withoutTrailingDot(host.text);
  return name.includes('.') && !LOCAL_SUFFIXES.some((suffix) => name.endsWith(suffix));
}

/** RFC 1918, RFC 3927, RFC 6598, RFC 4193, RFC 4291 §2.5.6. */
function privateAddresses(): BlockList {
  const list = new BlockList();
  list.addSubnet('10.0.0.0', 8, 'ipv4');
  list.addSubnet('172.16.0.0', 12, 'ipv4');
  list.addSubnet('192.168.0.0', 16, 'ipv4');
  list.addSubnet('169.254.0.0', 16, 'ipv4');
  list.addSubnet('100.64.0.0', 10, 'ipv4');
  list.addSubnet('fc00::', 7, 'ipv6');
  list.addSubnet('fe80::', 10, 'ipv6');
  return list;
}

function withoutTrailingDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}
