import { LOG_LEVELS } from '../../log.ts';
import { section, words } from '../keys.ts';

export const log = section('The log on standard output.', 'its keys below it, such as level: info', {
  level: words('Least important line that is written.', 'info', LOG_LEVELS),
  format: words('A JSON object in each line, or text for people; auto: text at a terminal.', 'auto', [
    'auto',
    'json',
    'text',
  ]),
});

export type { LogConfig } from '../../log.ts';
