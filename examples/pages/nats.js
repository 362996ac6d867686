// What the pages need of the clients of NATS, in one file that a browser can load.
// biome-ignore-all lint/performance/noBarrelFile: a bundle of two packages is what it is for
export { Kvm } from '@nats-io/kv';
export { wsconnect } from '@nats-io/nats-core';
