/**
 * For ws, which would confirm the first one offered where nobody decides: the first of the client's list that is
 * spoken here, or none. MQTT clients want theirs confirmed (MQTT 5.0 §6), NATS clients offer none.
 */
export const subprotocolSelector =
  (spoken: readonly string[]) =>
  (offered: ReadonlySet<string>): string | false =>
    [...offered].find((name) => spoken.includes(name)) ?? false;
