import type * as z from 'zod';
import { address, list, optional, section } from '../keys.ts';
import { hostName } from '../urls.ts';
import { fileName } from '../values.ts';

export const admin = section(
  'The private side.',
  'an address such as 127.0.0.1:8081, or its keys below it',
  {
    address: address('Where metrics, health and the API are served.', '127.0.0.1', '127.0.0.1:8081'),
    tokenFile: optional(
      'File with the token for what changes state or shows traffic, outside loopback.',
      fileName,
    ),
    hosts: list('Further host names that admin requests may carry in Host.', hostName),
  },
  'address',
);
type Values = z.output<typeof admin>;

export type AdminConfig = {
  readonly address: Values['address'];
  /** Further host names that requests may carry in Host; IP literals and localhost always pass. */
  readonly hosts: readonly string[];
  /** The token itself, read from `admin.tokenFile`. Never log it. */
  readonly token: string | undefined;
};

export const adminConfig = ({ address, hosts }: Values, token: string | undefined): AdminConfig => ({
  address,
  hosts,
  token,
});
