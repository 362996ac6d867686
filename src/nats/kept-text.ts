/**
 * The first `most` characters, in memory of their own: of a slice V8 keeps the whole text behind it, for as long as a
 * session lives. A pair that the cut goes through becomes U+FFFD.
 */
export const keptText = (text: string, most: number): string => Buffer.from(text.slice(0, most)).toString();
