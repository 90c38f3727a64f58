/** The address of a service that the process calls, such as a store of objects or a key service. */
import { z } from 'zod';

/** Addresses are logged and shown, so no credential is in one. What follows `?` or `#` would never be sent. */
export const serviceUrl = z.url({ protocol: /^https?$/ }).refine((address) => {
  const url = URL.parse(address);
  return url === null || (url.username === '' && url.password === '' && url.search === '' && url.hash === '');
}, 'must have no user, no password and nothing after ? or #');
