import mqtt from 'mqtt';

const gateway = 'ws://127.0.0.1:8080/mqtt';
const state = document.querySelector('#state');
// nats-server speaks MQTT 3.1.1, which MQTT.js calls version 4. MQTT.js connects again by itself.
const client = mqtt.connect(gateway, { protocolVersion: 4 });

client.on('connect', async () => {
  await client.subscribeAsync('sensors/#', { qos: 1 });
  state.textContent = `Connected to ${gateway}`;
});
client.on('close', () => {
  state.textContent = `Not connected to ${gateway}: the log of natsgate says why`;
});
client.on('message', (topic, payload) => {
  // sensors/kitchen is sensors.kitchen for clients of NATS. textContent, since anybody may write what they like.
  const item = Object.assign(document.createElement('li'), { textContent: `${topic}: ${payload}` });
  document.querySelector('ul').append(item);
});
document.querySelector('button').onclick = () =>
  client.publishAsync('sensors/kitchen', `${(18 + Math.random() * 6).toFixed(1)} °C`, { qos: 1 });
