import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

/**
 * The control: a TCP proxy as one writes it in Node, with nothing left to take away. 'data' events, pause and
 * resume, no delay. Arguments: upstream port, and files of certificate and key where clients come by TLS.
 */
const [upstreamPort = '0', certFile, keyFile] = process.argv.slice(2);

function onConnection(client: Socket): void {
  const upstream = connect({ host: '127.0.0.1', port: Number(upstreamPort), noDelay: true });
  pipe(client, upstream);
  pipe(upstream, client);
}

function pipe(from: Socket, to: Socket): void {
  from.on('data', (chunk) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('error', () => {});
  from.on('close', () => to.destroy());
}

const server: Server =
  certFile === undefined || keyFile === undefined
    ? createServer({ noDelay: true }, onConnection)
    : createTlsServer(
        { noDelay: true, cert: readFileSync(certFile), key: readFileSync(keyFile) },
        onConnection,
      );
server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => {
  console.log(`listens on ${(server.address() as AddressInfo).port}`);
});
