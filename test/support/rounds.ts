/**
 * How often a test does what shows the same each time: `few` times where it runs with all others, `many` with
 * THOROUGH=1, which is for a change of what it is about.
 */
export const rounds = (few: number, many: number): number => (process.env['THOROUGH'] === '1' ? many : few);
