import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The server that logs visitors in, and sets their cookies for the host of this page. */
const LOGIN = process.env['LOGIN_URL'] ?? 'http://localhost:3000';
const PATHS = ['/login', '/callback', '/renew', '/logout'];
// As an object: with the text alone Vite changes Host, by which the login finds its way back to this page.
const proxy = Object.fromEntries(PATHS.map((path) => [path, { target: LOGIN }]));

// biome-ignore lint/style/noDefaultExport: Vite asks for it
export default defineConfig({
  plugins: [react()],
  server: { port: 5173, strictPort: true, proxy },
  preview: { port: 5173, strictPort: true, proxy },
});
