/** A server that speaks S3, on a free port and with its data in memory, and payload stores on it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  DeleteObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { findS3Server } from '../../scripts/s3-server.ts';
import { openS3Payloads, type S3Access, type S3PayloadsOptions } from '../../src/adapters/s3/s3-payload-store.ts';
import type { PayloadStore } from '../../src/application/ports/payload-store.ts';
import { markName } from '../../src/application/storage/place-mark.ts';
import { objectPlace, parseObjectId } from '../../src/application/storage/object-id.ts';
import { freePort } from './cassandra-global.ts';
import { waitFor } from './cluster.ts';
import { clusterMark, type PayloadHarness, storeRuntime } from './stores.ts';

const bucket = 'payloads';
const credentials = { accessKeyId: 'test', secretAccessKey: 'a secret of the test' };

export interface S3Harness extends PayloadHarness {
  readonly access: S3Access;
  /** Looks into the bucket by itself. */
  readonly client: S3Client;
  open(options?: Partial<S3PayloadsOptions>): Promise<{ readonly payloads: PayloadStore }>;
  /** All but that of the mark. */
  keys(): Promise<readonly string[]>;
  stopServer(): Promise<void>;
  dispose(): Promise<void>;
}

/** Returns the reason if there is no server, and prints it. */
export async function makeS3Harness(): Promise<S3Harness | { readonly lack: string }> {
  const found = await findS3Server((line) => void process.stderr.write(`${line}\n`));
  if ('lack' in found) {
    process.stderr.write(`no server that speaks S3: ${found.lack}\n`);
    return found;
  }
  const port = await freePort();
  const args = ['-backend', 'memory', '-host', `127.0.0.1:${port}`, '-initialbucket', bucket, '-quiet'];
  const server = spawn(found.path, args, { stdio: 'ignore' });
  const end = (): void => void server.kill('SIGKILL');
  process.once('exit', end);
  const endpoint = `http://127.0.0.1:${port}`;
  await waitFor(
    'the S3 server answers',
    () =>
      fetch(endpoint).then(
        ({ ok }) => ok,
        () => false,
      ),
    20_000,
  );
  const place = { endpoint, region: 'us-east-1', bucket, prefix: 'troupe/', pathStyle: true };
  const access = { ...place, credentials: () => credentials };
  const client = new S3Client({ endpoint, region: 'us-east-1', credentials, forcePathStyle: true });
  const mark = clusterMark();
  const closes: (() => void)[] = [() => client.destroy()];
  const at = (id: string): { readonly Bucket: string; readonly Key: string } => {
    const object = parseObjectId(id);
    if (object === undefined) throw new Error(`not the id of an object: ${id}`);
    const { hour, entry } = objectPlace(object);
    return { Bucket: bucket, Key: `${access.prefix}${hour}/${entry}` };
  };
  const keys = async (): Promise<readonly string[]> => {
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return (page.Contents ?? []).map(({ Key = '' }) => Key).filter((key) => !key.endsWith(markName));
  };
  const stopServer = (): Promise<void> => stopped(server);
  return {
    access,
    client,
    async open(options = {}) {
      const { payloads, close } = await openS3Payloads({ access, writes: true, ...mark, ...storeRuntime, ...options });
      closes.push(close);
      return { payloads };
    },
    keys,
    async damagePayload(id, how) {
      if (how === 'drop-last-part') {
        await client.send(new DeleteObjectCommand(at(id)));
        return;
      }
      const { Body } = await client.send(new GetObjectCommand(at(id)));
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      await client.send(new PutObjectCommand({ ...at(id), Body: bytes.fill(0, 0, 100) }));
    },
    hasPayload: async (name) => (await keys()).some((key) => key.endsWith(`.${name}`)),
    stopServer,
    async dispose() {
      for (const close of closes) close();
      await stopServer();
      process.off('exit', end);
    },
  };
}

async function stopped(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill('SIGKILL');
  await once(server, 'exit');
}
