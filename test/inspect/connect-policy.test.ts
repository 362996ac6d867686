import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ConnectRules, connectPolicies } from '../../src/inspect/connect-policy.ts';
import { type Login, userLogin } from '../../src/nats/login.ts';
import { INFO, Inspected } from './inspected.ts';

const reading = userLogin('web', Buffer.from('secret'));
const login = reading.ok ? reading.login : assert.fail(reading.problem);

/** What a server gets of a CONNECT with these fields. */
function sent(fields: string, rules: Partial<ConnectRules>): string {
  const all = { login: undefined, clientCredentials: 'drop' as const, name: undefined, ...rules };
  const inspected = new Inspected('enforce', undefined, connectPolicies(all, {}));
  inspected.inspector.firstInfo(Buffer.from(INFO));
  return inspected.toUpstream(Buffer.from(`CONNECT {${fields}}\r\n`)).up;
}

test('a client that names an account cannot make the server refuse our login', () => {
  const fields = '"account":"A","new_account":true,"ACCOUNT_":"kept"';
  const unknown = '"ACCOUNT_":"kept"';
  assert.equal(sent(fields, { login }), `CONNECT {"user":"web","pass":"secret",${unknown}}\r\n`);
  assert.equal(sent('"Account":"A","new_\\u0061ccount":true', {}), 'CONNECT {}\r\n');
  assert.equal(
    sent(fields, { clientCredentials: 'keep', name: ['page'] }),
    `CONNECT {"name":"page","account":"A","new_account":true,${unknown}}\r\n`,
  );
});

test('the login of a client is let go with CONNECT, though the session goes on', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const began = (): { readonly own: WeakRef<Login>; readonly by: Inspected } => {
    const own: Login = { ...login, fields: () => ({ auth_token: 'of one client' }) };
    const rules: ConnectRules = { login: own, clientCredentials: 'drop', name: undefined };
    const by = new Inspected('enforce', undefined, connectPolicies(rules, {}));
    by.inspector.firstInfo(Buffer.from(INFO));
    return { own: new WeakRef(own), by };
  };
  const [spoke, silent] = [began(), began()];
  spoke.by.toUpstream(Buffer.from('CONNECT {}\r\n'));
  // A new WeakRef holds its object until the end of the turn.
  await setImmediate();
  collect();
  assert.equal(spoke.own.deref(), undefined);
  assert.notEqual(silent.own.deref(), undefined);
  assert.equal(
    silent.by.toUpstream(Buffer.from('CONNECT {}\r\n')).up,
    'CONNECT {"auth_token":"of one client"}\r\n',
  );
});
