/**
 * `PayloadStore` on Cassandra: stores parts of `payloadPartBytes`. Each part is a partition. The first one
 * describes the whole payload.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { payloadPartBytes, type PayloadStore } from '../../application/ports/payload-store.ts';
import { damagedPayload } from '../../application/storage/damaged-payload.ts';
import { partCount, partsFrom, writeParts } from '../../application/storage/payload-parts.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { CqlClient } from './cql-client.ts';
import { forEachBounded } from './in-flight-limit.ts';
import { deletePart, putPart, readHead, readPart, readWritten, type PartRow } from './tables/payload-parts.ts';
import { ttlSeconds } from './time-to-live.ts';

/** Parts in flight at a time: 4 MiB. */
const partsInFlightMax = 4;
/** All parts of a payload are written within this time, by one clock. */
const writtenWithinMicros = 60_000_000n;

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Verifies the whole payload. A damaged one is an error and never returned. */
function checked(id: string, first: PartRow, bytes: Buffer): Uint8Array {
  if (BigInt(bytes.byteLength) !== first.total_bytes || !timingSafeEqual(digest(bytes), first.sha256)) {
    throw damagedPayload(id);
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The driver takes a Buffer. This one shares the memory, so that 1 MiB is not copied. */
function cellOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

export function createCassandraPayloadStore(client: CqlClient, clock: Clock): PayloadStore {
  const read = async (id: string, part: number): Promise<PartRow | undefined> =>
    (await client.rows(readPart, [id, part])).at(0);
  return {
    async deletePayload(id) {
      const first = (await client.rows(readWritten, [id, 0])).at(0);
      if (first === undefined) return;
      const nowMicros = BigInt(Math.floor(clock.nowMs())) * 1_000n;
      const afterWrite = first.written_at + writtenWithinMicros;
      const timestamp = nowMicros > afterWrite ? nowMicros : afterWrite;
      const rest = [...Array(first.parts - 1).keys()].map((index) => index + 1);
      await forEachBounded(rest, partsInFlightMax, (part) => client.rows(deletePart, [timestamp, id, part]));
      // Delete the first part last, because it tells a repeated call how many parts there are.
      await client.rows(deletePart, [timestamp, id, 0]);
    },
    async putPayload({ name: id, bytes, expiresAtMs }) {
      const parts = partCount(bytes.byteLength);
      const total = BigInt(bytes.byteLength);
      const sha256 = digest(bytes);
      const ttl = ttlSeconds(expiresAtMs, clock.nowMs());
      await forEachBounded([...Array(parts).keys()], partsInFlightMax, (part) => {
        const slice = bytes.subarray(part * payloadPartBytes, (part + 1) * payloadPartBytes);
        return client.rows(putPart, [id, part, parts, total, sha256, cellOf(slice), ttl]);
      });
      return id;
    },
    async writePayload({ name: id, expiresAtMs }, source) {
      const written: number[] = [];
      try {
        const whole = await writeParts(source, (part, slice, { bytes, sha256 }) => {
          written.push(part);
          const described = [partCount(bytes), BigInt(bytes), Buffer.from(sha256)];
          return client.rows(putPart, [id, part, ...described, cellOf(slice), ttlSeconds(expiresAtMs, clock.nowMs())]);
        });
        return { id, ...whole };
      } catch (error) {
        // A write without an answer may still be applied, so the delete must have a later timestamp.
        const timestamp = BigInt(Math.floor(clock.nowMs())) * 1_000n + writtenWithinMicros;
        const removed = forEachBounded(written, partsInFlightMax, (part) =>
          client.rows(deletePart, [timestamp, id, part]),
        );
        await removed.catch(() => undefined);
        throw error;
      }
    },
    async openPayload(id) {
      const head = (await client.rows(readHead, [id])).at(0);
      if (head === undefined) return undefined;
      const bytes = Number(head.total_bytes);
      const part = async (number: number): Promise<Uint8Array | undefined> =>
        (await read(id, number))?.bytes ?? undefined;
      return { bytes, sha256: head.sha256, readFrom: (offset) => partsFrom(offset, bytes, part) };
    },
    async getPayload(id) {
      const first = await read(id, 0);
      if (first === undefined) return undefined;
      const found: (Buffer | undefined)[] = [first.bytes ?? Buffer.alloc(0)];
      await forEachBounded([...Array(first.parts - 1).keys()], partsInFlightMax, async (index) => {
        found[index + 1] = (await read(id, index + 1))?.bytes ?? undefined;
      });
      const whole = found.filter((bytes) => bytes !== undefined);
      return whole.length === first.parts ? checked(id, first, Buffer.concat(whole)) : undefined;
    },
  };
}
