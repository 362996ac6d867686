import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { makeCertificates } from './certificates.ts';

export type SocketPair = AsyncDisposable & { readonly near: Socket; readonly far: Socket };

/** Two ends of one connection over loopback. The near one is as the gateway's are; the far one reads nothing. */
export async function socketPair(secure: boolean): Promise<SocketPair> {
  await using certificates = await makeCertificates();
  const [cert, key] = await Promise.all([
    readFile(certificates.serverCertFile),
    readFile(certificates.serverKeyFile),
  ]);
  const server: Server = secure ? createTlsServer({ cert, key }) : createServer({ highWaterMark: 1 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, secure ? 'secureConnection' : 'connection') as Promise<[Socket]>;
  const { port } = server.address() as AddressInfo;
  const far = secure
    ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    : connect(port, '127.0.0.1');
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
