/**
 * Where the time of an opening handshake goes. Each number is when a step was over, in whole microseconds since the
 * connection was accepted; 0: it was not, or not by this handshake. Small integers, which cost no object of their own.
 */
export type HandshakeMarks = {
  /** The request was read, TLS included, and passed the rules. */
  readonly requestUs: number;
  readonly admittedUs: number;
  readonly authorizedUs: number;
  /** The TCP connection to the server that was taken was up. */
  readonly connectedUs: number;
  /** Its first INFO had come, over TLS where that is configured. */
  readonly dialledUs: number;
};

/** Of a handshake that the rules refused. */
export const NO_MARKS: HandshakeMarks = {
  requestUs: 0,
  admittedUs: 0,
  authorizedUs: 0,
  connectedUs: 0,
  dialledUs: 0,
};

/** Milliseconds of each step, up to the one in which the handshake ended. */
export type HandshakeSteps = Partial<
  Record<'request' | 'admit' | 'authorize' | 'dial' | 'info' | 'accept', number>
>;

/** `totalUs`: when the handshake was answered. */
export function stepsMs(marks: HandshakeMarks, totalUs: number): HandshakeSteps {
  const steps: HandshakeSteps = {};
  let beganUs = 0;
  for (const [step, overUs] of [
    ['request', marks.requestUs],
    ['admit', marks.admittedUs],
    ['authorize', marks.authorizedUs],
    ['dial', marks.connectedUs],
    ['info', marks.dialledUs],
    ['accept', 0],
  ] as const) {
    steps[step] = ((overUs || totalUs) - beganUs) / 1000;
    if (overUs === 0) break;
    beganUs = overUs;
  }
  return steps;
}
