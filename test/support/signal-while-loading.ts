/** Loaded before the program: sends this process the signal of SIGNAL_WHILE_LOADING while its files are read. */
import { registerHooks } from 'node:module';

let sent = false;
registerHooks({
  load(url, context, nextLoad) {
    if (!sent && /\/src\/(gateway|cli\/probe)\.ts$/.test(url)) {
      sent = true;
      process.kill(process.pid, process.env['SIGNAL_WHILE_LOADING']);
    }
    return nextLoad(url, context);
  },
});
