/** What is true of every place of large payloads: it is known by its mark, and no other place passes for it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { PayloadStore } from '../../src/application/ports/payload-store.ts';
import { clusterMark } from '../support/stores.ts';

/** Places, by names that a test makes up. */
export interface PlacesUnderTest {
  open(
    place: string,
    options: ReturnType<typeof clusterMark> & { readonly writes: boolean },
  ): Promise<{ readonly payloads: PayloadStore; readonly close: () => void }>;
  /** Copies all that is there, as an operator would. */
  copy(from: string, to: string): Promise<void>;
  writeMark(place: string, text: string): Promise<void>;
  removeMark(place: string): Promise<void>;
  /** Whether there is anything at all. */
  isEmpty(place: string): Promise<boolean>;
}

const laterMs = (): number => Date.now() + 600_000;
const input = () => ({ name: randomUUID(), bytes: randomBytes(9), expiresAtMs: laterMs() });
const unavailable = { code: 'STORE_UNAVAILABLE' };

export function describePlaces(use: () => PlacesUnderTest): void {
  const open = async (place: string, cluster = clusterMark(), writes = true): Promise<PayloadStore> => {
    const { payloads, close } = await use().open(place, { ...cluster, writes });
    onTestFinished(close);
    return payloads;
  };
  const expectUnavailable = async (payloads: PayloadStore, id: string): Promise<void> => {
    for (const ask of ['getPayload', 'openPayload', 'deletePayload'] as const)
      await expect(payloads[ask](id)).rejects.toMatchObject(unavailable);
  };

  describe('the place of large payloads', () => {
    it('that was changed in the settings takes nothing, and nothing that is not in it counts as missing', async () => {
      const cluster = clusterMark();
      const [former, changed] = [randomUUID(), randomUUID()];
      const id = await (await open(former, cluster)).putPayload(input());
      await expect(open(changed, cluster)).rejects.toMatchObject(unavailable);
      await expectUnavailable(await open(changed, cluster, false), id);
      expect(await use().isEmpty(changed)).toBe(true);
      expect(await (await open(former, cluster)).getPayload(id)).toHaveLength(9);
    });

    it('may be copied to another one', async () => {
      const cluster = clusterMark();
      const [former, next] = [randomUUID(), randomUUID()];
      const id = await (await open(former, cluster)).putPayload(input());
      await use().copy(former, next);
      const payloads = await open(next, cluster);
      expect(await payloads.getPayload(id)).toHaveLength(9);
      await payloads.deletePayload(id);
      expect(await payloads.getPayload(id)).toBeUndefined();
    });

    it('that is lost for good is given up by hand: then what was in it is missing', async () => {
      const cluster = clusterMark();
      const [lost, next] = [randomUUID(), randomUUID()];
      const id = await (await open(lost, cluster)).putPayload(input());
      await use().writeMark(next, `${cluster.clusterId}\n`);
      const payloads = await open(next, cluster);
      expect(await payloads.getPayload(id)).toBeUndefined();
      expect(await payloads.getPayload(await payloads.putPayload(input()))).toHaveLength(9);
    });

    it('of another cluster is not used, not even to look for something', async () => {
      const place = randomUUID();
      const [ours, theirs] = [clusterMark('ours'), clusterMark('theirs')];
      const id = await (await open(place, ours)).putPayload(input());
      await expect(open(place, theirs)).rejects.toMatchObject({
        ...unavailable,
        message: expect.stringContaining('another cluster uses it') as string,
      });
      const reader = await open(place, theirs, false);
      await reader.deletePayload(id).catch(() => undefined);
      expect(await (await open(place, ours)).getPayload(id)).toHaveLength(9);
    });

    it('that becomes another one while it is in use says nothing, takes nothing and erases nothing', async () => {
      const place = randomUUID();
      const cluster = clusterMark();
      const payloads = await open(place, cluster);
      const id = await payloads.putPayload(input());
      const pieces = (await payloads.openPayload(id))?.readFrom(0);
      await use().removeMark(place);
      await expect(payloads.putPayload(input())).rejects.toMatchObject(unavailable);
      await expect(payloads.deletePayload(id)).rejects.toMatchObject(unavailable);
      // What is found is what it was: its id vouches for it.
      expect(await payloads.getPayload(id)).toHaveLength(9);
      const gone = id.replace(/[^:]*$/, 'nobody-wrote-it');
      await expect(payloads.getPayload(gone)).rejects.toMatchObject(unavailable);
      await use().writeMark(place, 'theirs\n');
      await expect(payloads.putPayload(input())).rejects.toMatchObject(unavailable);
      await use().writeMark(place, cluster.clusterId);
      expect(await payloads.getPayload(gone)).toBeUndefined();
      await payloads.deletePayload(id);
      await expect(pieces?.[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'PAYLOAD_GONE' });
    });
  });
}
