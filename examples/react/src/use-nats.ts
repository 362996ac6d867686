import { useEffect, useState } from 'react';
import { type NatsState, stayConnected } from './nats-session.ts';

/** Connects as long as the component is there. `renew` must not change with each rendering. */
export function useNats(gateway: string, renew: () => Promise<boolean>): NatsState {
  const [state, setState] = useState<NatsState>({ kind: 'connecting' });
  useEffect(() => {
    const leaving = new AbortController();
    void stayConnected(gateway, renew, setState, leaving.signal);
    return () => leaving.abort();
  }, [gateway, renew]);
  return state;
}
