/** The bucket of the large payloads of a Kubernetes environment. */
import { z } from 'zod';
import { peer } from './network.ts';

export const objectsSchema = z.strictObject({
  /** It must exist, without versions, so that what is erased is gone. */
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of a bucket'),
  region: z.string().min(1).max(100),
  /** Begins the key of every object. Two clusters on one bucket need two. */
  prefix: z
    .string()
    .regex(/^([A-Za-z0-9_-]+\/)*$/, 'is empty, or ends with a slash')
    .default('troupe/'),
  /** Of a server other than AWS, such as https://s3.example.com. */
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
  /** Whether the bucket is part of the path instead of the host name, as for most servers other than AWS. */
  pathStyle: z.boolean().default(false),
  /**
   * `secret`: the Secret troupe-objects has the keys `access-key-id` and `secret-access-key`. `role`: the pods get a role from
   * their platform. With `aws`, that stack creates it.
   */
  credentials: z.enum(['secret', 'role']).default('role'),
  /** Where its server is. Default: any address, so handlers of all classes reach its port anywhere. */
  to: z.array(peer).min(1).max(20).optional(),
  /** Largest payload that is streamed. Default: that of Troupe, 4 GiB. */
  payloadMaxGb: z.int().min(1).max(5_120).optional(),
});

export type ObjectsConfig = z.infer<typeof objectsSchema>;
