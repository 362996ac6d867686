import { type ReadonlySignal, signal } from '@preact/signals';
import type { InstanceStatus } from '../../src/status/instance.ts';
import { History, type Point } from './history.ts';
import { type Read, type Reading, startReading } from './reading.ts';

const history = new History();
const points = signal<readonly Point[]>([]);
let reading: Reading<InstanceStatus> | undefined;
const nothing = signal<Read<InstanceStatus>>({});

/** Begins to read /api/status; called once. */
export function followStatus(): void {
  reading = startReading<InstanceStatus>(
    () => '/api/status',
    (status) => {
      history.add(status, performance.now());
      points.value = history.points;
    },
  );
}

/** The newest /api/status. */
export const statusNow = (): Read<InstanceStatus> => (reading?.read ?? nothing).value;

/** Asks again at once, for instance after a login. */
export const readStatusAgain = (): void => reading?.again();

/** The rates between its readings, oldest first. */
export const ratePoints: ReadonlySignal<readonly Point[]> = points;
