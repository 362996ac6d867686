import { useEffect, useState } from 'react';
import { type LoginState, stayConnected } from './nats-session.ts';

/** The same for React: connects as long as the component is there. `renew` must not change with each rendering. */
export function useNats(gateway: string, renew: () => Promise<boolean>): LoginState {
  const [state, setState] = useState<LoginState>({ kind: 'connecting' });
  useEffect(() => {
    let isHere = true;
    let open: LoginState | undefined;
    void stayConnected(gateway, renew, (next) => {
      open = next;
      if (isHere) setState(next);
      else if (next.kind === 'open') void next.connection.close();
    });
    return () => {
      isHere = false;
      if (open?.kind === 'open') void open.connection.close();
    };
  }, [gateway, renew]);
  return state;
}
