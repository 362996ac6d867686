import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { selfSigned } from '../config/self-signed.ts';

export type SocketPair = AsyncDisposable & { readonly near: Socket; readonly far: Socket };

/** Two ends of one connection over loopback. The near one is as the gateway's are; the far one reads nothing. */
export async function socketPair(secure: boolean, host = '127.0.0.1'): Promise<SocketPair> {
  const server = secure ? tlsServer() : createServer({ highWaterMark: 1 });
  server.listen(0, host);
  await once(server, 'listening');
  const accepted = once(server, secure ? 'secureConnection' : 'connection') as Promise<[Socket]>;
  const { port } = server.address() as AddressInfo;
  const far = secure ? connectTls({ port, host, rejectUnauthorized: false }) : connect(port, host);
  far.on('error', () => {}).pause();
  await once(far, secure ? 'secureConnect' : 'connect');
  const [near] = await accepted;
  near.on('error', () => {});
  return {
    near,
    far,
    async [Symbol.asyncDispose]() {
      near.destroy();
      far.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function tlsServer(): Server {
  const { certificate, key } = selfSigned();
  return createTlsServer({ cert: certificate, key });
}
