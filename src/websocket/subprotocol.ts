/**
 * Selects the subprotocol for ws: the first one in the client's list that the route speaks, or none. (Without it ws
 * confirms the first one offered.) MQTT clients need theirs confirmed (MQTT 5.0 §6), NATS clients offer none.
 */
export const subprotocolSelector =
  (spoken: readonly string[]) =>
  (offered: ReadonlySet<string>): string | false =>
    [...offered].find((name) => spoken.includes(name)) ?? false;
