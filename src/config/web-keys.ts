/** Keys of the gateway's door for browsers and curl: calls in JSON, and the console. */
import { z } from 'zod';
import { key, port } from './schema-key.ts';

const hostsMax = 64;
/** A name as a browser sends it, perhaps with a port. */
const hostPattern = /^(?=.{1,255}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:\d{1,5})?$/;

export const webKeys = {
  web: z
    .strictObject({
      port: key(port.optional(), {
        meaning: 'Port for calls in JSON over HTTP/1.1, and for the console, on `gateway.host`.',
        consequence:
          'It has the TLS, the callers and the limits of the gateway, and connections of its own. 0 takes any free port. `troupe dev` has 8081.',
        defaultNote: 'none',
      }),
      console: key(z.boolean().default(true), {
        meaning: 'Whether that port serves the console.',
        consequence: 'Its files need no credential; they hold no data.',
      }),
      hosts: key(
        z
          .array(
            z
              .string()
              .regex(hostPattern, 'must be a name in lower case such as troupe.example.com, perhaps with a port'),
          )
          .max(hostsMax)
          .default([]),
        {
          meaning:
            'Names under which browsers reach that port, besides addresses and `localhost`: those of an ingress, too.',
          consequence:
            'Requests with another name are refused, since a page could point its own name at this address. At most 64.',
          defaultNote: 'none',
        },
      ),
    })
    .prefault({}),
};
