/** Loaded in front of the program: sends this process the signal of SIGNAL_WHILE_LOADING while its files are read. */
import { registerHooks } from 'node:module';

let sent = false;
registerHooks({
  load(url, context, nextLoad) {
    if (!sent && url.endsWith('/src/gateway.ts')) {
      sent = true;
      process.kill(process.pid, process.env['SIGNAL_WHILE_LOADING']);
    }
    return nextLoad(url, context);
  },
});
