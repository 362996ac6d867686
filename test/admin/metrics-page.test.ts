import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { MetricsPage } from '../../src/admin/metrics-page.ts';
import { ScrapeRhythm } from '../../src/admin/scrape-rhythm.ts';

describe('the text of /metrics', () => {
  test('is made once for all who ask while it is made, and for 250 ms after it, by format', async () => {
    let nowMs = 5000;
    const made: boolean[] = [];
    const gates: PromiseWithResolvers<void>[] = [];
    const page = new MetricsPage(
      async (openMetrics) => {
        made.push(openMetrics);
        const gate = Promise.withResolvers<void>();
        gates.push(gate);
        await gate.promise;
        return { contentType: openMetrics ? 'open' : 'classic', body: `text ${made.length}` };
      },
      () => nowMs,
    );
    const classic = [page.get(false, false), page.get(false, true), page.get(false, true)];
    const open = page.get(true, false);
    // However long it takes.
    nowMs += 10_000;
    const late = page.get(false, false);
    for (const gate of gates) gate.resolve();
    const [plain, zipped, again] = await Promise.all(classic);
    assert.deepEqual(made, [false, true]);
    assert.equal(plain?.body.toString(), 'text 2');
    assert.equal(gunzipSync(zipped?.body ?? '').toString(), 'text 2');
    assert.equal(zipped?.body, again?.body, 'compressed once');
    assert.equal((await late).body, plain?.body);
    assert.equal((await open).contentType, 'open');

    nowMs += 249;
    await page.get(false, true);
    assert.equal(made.length, 2);
    nowMs += 1;
    const fresh = page.get(false, false);
    assert.equal(made.length, 3);
    gates[2]?.resolve();
    assert.equal((await fresh).body.toString(), 'text 3');
    page.forget();
    void page.get(false, false);
    assert.equal(made.length, 4);
  });

  test('a failure is told to all who waited for it, and to nobody else', async () => {
    let fails = true;
    const page = new MetricsPage(async () => {
      if (fails) throw new Error('no');
      return { contentType: 'classic', body: 'text' };
    });
    const answers = await Promise.allSettled([page.get(false, false), page.get(false, true)]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    fails = false;
    assert.equal((await page.get(false, false)).body.toString(), 'text');
  });
});

describe('when the next scrape is due', () => {
  const dueAfter = (scrapesMs: readonly number[], nowMs: number): number | undefined => {
    const rhythm = new ScrapeRhythm();
    for (const ms of scrapesMs) rhythm.scraped(ms);
    return rhythm.dueInMs(nowMs);
  };
  for (const [scrapesMs, nowMs, dueInMs, what] of [
    [[], 9000, undefined, 'nobody has scraped'],
    [[1000], 9000, 0, 'one, of an unknown rhythm: at any time'],
    [[1000], 122_000, undefined, 'one, long ago: somebody has looked'],
    [[1000, 16_000], 20_000, 11_000, 'the rhythm of the last two'],
    [[500, 1000, 16_000], 20_000, 11_000, 'not of those before'],
    [[1000, 16_000], 33_000, 0, 'late'],
    [[1000, 16_000], 47_000, undefined, 'gone'],
  ] as const) {
    test(what, () => assert.equal(dueAfter(scrapesMs, nowMs), dueInMs));
  }
});
