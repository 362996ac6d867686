/** Loaded in front of the program: a start that gets as far as its first port and no further, and says so. */
import { Server } from 'node:net';

Server.prototype.listen = function listen(): Server {
  process.stdout.write('{"message":"held"}\n');
  return this;
};
