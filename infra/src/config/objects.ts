/** The bucket of the large payloads of an environment. */
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
  /** Its address in links to payloads, where clients reach it under another one. */
  linkEndpoint: z.url({ protocol: /^https?$/ }).optional(),
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

/** Of containers on one machine, which have no role. */
export const dockerObjectsSchema = objectsSchema.omit({ credentials: true, to: true }).extend({
  accessKeyId: z.string().min(1).max(200),
  /** A folder of the host with a file `secret-access-key`, which its containers (user 1000) may read. Mounted as /objects. */
  secretDir: z.string().regex(/^\/[^:]*$/, 'an absolute path'),
});

export type DockerObjectsConfig = z.infer<typeof dockerObjectsSchema>;
export type ObjectsConfig = z.infer<typeof objectsSchema>;
