export type PayloadFormat = 'json' | 'text' | 'hex';

/** More of a payload than this is not worth the browser's time to lay out. */
const MAX_SHOWN_BYTES = 16 * 1024;
const MAX_PREVIEW_BYTES = 200;
const HEX_COLUMNS = 16;

/** The whole payload as the format shows it, cut where it is very long. */
export function payloadText(bytes: Uint8Array, format: PayloadFormat): string {
  const shown = bytes.subarray(0, MAX_SHOWN_BYTES);
  const rest = bytes.length > shown.length ? `\n… ${bytes.length - shown.length} more bytes` : '';
  if (format === 'hex') return hexDump(shown) + rest;
  const text = new TextDecoder().decode(shown);
  return (format === 'json' && rest === '' ? indented(text) : text) + rest;
}

/** One line for the list. */
export function payloadPreview(bytes: Uint8Array, format: PayloadFormat): string {
  const start = bytes.subarray(0, MAX_PREVIEW_BYTES);
  if (format === 'hex') return hexBytes(start);
  return new TextDecoder().decode(start).replaceAll(/\s+/g, ' ');
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // not JSON: shown as it is
  }
}

function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += HEX_COLUMNS) {
    const row = bytes.subarray(at, at + HEX_COLUMNS);
    const readable = Array.from(row, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·',
    ).join('');
    lines.push(
      `${at.toString(16).padStart(4, '0')}  ${hexBytes(row).padEnd(HEX_COLUMNS * 3 - 1)}  ${readable}`,
    );
  }
  return lines.join('\n');
}

function hexBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
