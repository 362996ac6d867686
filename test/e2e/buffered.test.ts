/** The conversations with real clients, the bulk transfers, the drain and the memory bounds once more on stock ws. */
process.env['ENGINE'] = 'buffered';

await import('./nats.test.ts');
await import('./bulk.test.ts');
await import('./drain.test.ts');
await import('./memory.test.ts');
