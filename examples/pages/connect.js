import { wsconnect } from './built/nats.js';

const servers = 'ws://127.0.0.1:8080';

/** Connects to the gateway, and writes into the page how that goes. */
export async function connect() {
  const state = document.querySelector('#state');
  state.textContent = `Connecting to ${servers} …`;
  try {
    // A cluster tells its own addresses, which a browser cannot reach.
    const client = await wsconnect({ servers, maxReconnectAttempts: -1, ignoreClusterUpdates: true });
    state.textContent = `Connected to ${servers}`;
    void follow(client, state);
    return client;
  } catch (error) {
    // A browser tells no page why; the log of natsgate does.
    state.textContent = `Not connected to ${servers}: ${error.message || 'the log of natsgate says why'}`;
    throw error;
  }
}

async function follow(client, state) {
  for await (const { type, error } of client.status()) {
    if (type === 'disconnect') state.textContent = `Connection lost, trying ${servers} again …`;
    if (type === 'reconnect') state.textContent = `Connected to ${servers} again`;
    if (type === 'error') state.textContent = `Refused: ${error.message}`;
  }
}
