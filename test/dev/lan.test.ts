import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { dev } from '../../src/dev/dev.ts';
import { lanAddress } from '../../src/dev/lan-address.ts';

const root = join(import.meta.dirname, '..', '..');
const at = (address: string, internal = false): NetworkInterfaceInfo => ({
  address,
  internal,
  family: 'IPv4',
  netmask: '255.255.255.0',
  mac: '00:00:00:00:00:00',
  cidr: null,
});

test('the address in a network is a private one of this machine, never one of the internet', () => {
  const v6: NetworkInterfaceInfo = { ...at('fe80::1'), family: 'IPv6', scopeid: 2 };
  assert.equal(lanAddress({ lo: [at('127.0.0.1', true)], eth0: [v6, at('192.168.1.5')] }), '192.168.1.5');
  assert.equal(lanAddress({ eth0: [at('203.0.113.7')], wlan0: [at('10.1.2.3')] }), '10.1.2.3');
  assert.equal(lanAddress({ eth0: [at('203.0.113.7'), at('172.32.0.1')] }), undefined);
  assert.equal(lanAddress({}), undefined);
});

test('in a network page and gateway have that address alone, its origin alone is let in, and a warning is said', async () => {
  let given: Config | undefined;
  const said: string[] = [];
  const close = async (): Promise<void> => {};
  // Every address of 127/8 is this machine's on Linux, and none of them is localhost.
  const lan = '127.0.0.9';
  const running = await dev({
    root,
    env: process.env,
    say: (line) => void said.push(line),
    startGateway: async (config) => {
      given = config;
      return { port: 4711, adminPort: 4712, drain: close, close };
    },
    lan,
    pagePort: 0,
    gatewayPort: 0,
    adminPort: 0,
  });
  try {
    const { port, hostname } = new URL(running.url);
    assert.equal(hostname, lan);
    assert.equal(given?.listen.address.host, lan);
    assert.equal(given?.admin.address.host, '127.0.0.1');
    assert.deepEqual(given?.origins.allow, [running.url]);
    assert.deepEqual(await (await fetch(`${running.url}/dev/config.json`)).json(), {
      gatewayUrl: `ws://${lan}:4711`,
      allowedOrigin: running.url,
    });
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`), 'the page is not at any other address');
    assert.ok(said.some((line) => line.includes(`everybody in the network of ${lan} can open this page`)));
    assert.ok(said.some((line) => line.includes(running.url)));
  } finally {
    await running.close();
  }
});
