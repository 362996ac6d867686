import { byteSize } from '../shared/byte-size.ts';
import { nowMs } from './clock.ts';

/** `1,204`. */
export const whole = (count: number): string => Math.round(count).toLocaleString('en');

/** `12/s`, `0.4/s`, `3/min`. */
export function perSecond(rate: number): string {
  if (rate > 0 && rate < 0.1) return `${Math.max(1, Math.round(rate * 60))}/min`;
  return `${rate > 0 && rate < 10 ? rate.toFixed(1) : whole(rate)}/s`;
}

/** `1.4 KiB/s`. */
export const bytesPerSecond = (rate: number): string => `${byteSize(rate)}/s`;

/** `45 s`, `3 min 12 s`, `5 h 10 min`, `3 d 4 h`: the two largest units. */
export function timeSpan(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ] as const;
  let rest = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [name, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0 || (size === 1 && parts.length === 0)) parts.push(`${count} ${name}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(' ');
}

/** Seconds from a time of the API until the gateway's now; negative for one that is to come. */
export const secondsSince = (iso: string): number => (nowMs.value - Date.parse(iso)) / 1000;

/** `2026-11-30 14:05:12 UTC`. */
export const utc = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
