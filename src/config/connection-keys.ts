/** Keys of the gateway that limit its connections. */
import { key, wholeNumber } from './schema-key.ts';

export const connectionKeys = {
  connectionsMax: key(wholeNumber(1, 1_000_000).default(4_096), {
    meaning: 'Connections that may be open at once. They count from the moment they are accepted, before TLS.',
    unit: 'connections',
    consequence:
      'For one more, the connection goes that has had no call for longest; its client opens another one when it calls. An idle one takes some 30 KB, with TLS some 100. Each needs a file descriptor.',
  }),
  connectionsPerAddressMax: key(wholeNumber(1, 1_000_000).default(1_024), {
    meaning: 'Of these, connections of one client address: an IPv4 address, or the /64 of an IPv6 address.',
    unit: 'connections',
    consequence:
      'The same, among those of the address. Clients behind a proxy or a NAT share its address: raise it there.',
  }),
  connectionIdleMaxMs: key(wholeNumber(1_000, 86_400_000).default(900_000), {
    meaning: 'A connection without calls is closed after this time.',
    unit: 'ms',
    consequence: 'Its client opens another one when it calls again.',
  }),
  connectionAgeMaxMs: key(wholeNumber(1_000, 604_800_000).default(3_600_000), {
    meaning: 'A connection that is older, give or take a tenth, takes no new calls.',
    unit: 'ms',
    consequence: 'Its client opens another one, perhaps to another gateway: so they spread over new ones.',
  }),
  connectionAgeGraceMs: key(wholeNumber(1_000, 604_800_000).default(86_400_000), {
    meaning: 'Calls that are still open on such a connection are cut after this time.',
    unit: 'ms',
    consequence: 'Watches and downloads resume; an upload that takes longer begins anew.',
  }),
};
