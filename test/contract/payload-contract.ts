/** A payload is complete and unchanged, or it does not exist. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { payloadPartBytes } from '../../src/application/ports/payload-store.ts';
import type { PayloadsUnderTest } from '../support/stores.ts';

const laterMs = (): number => Date.now() + 600_000;

async function* partsOf(bytes: Uint8Array, sha256: Uint8Array): AsyncGenerator<Uint8Array, Uint8Array> {
  for (let from = 0; from < bytes.byteLength; from += payloadPartBytes) {
    yield bytes.subarray(from, from + payloadPartBytes);
  }
  return sha256;
}

export function describePayloads(use: () => PayloadsUnderTest): void {
  describe('a payload', () => {
    const sizes = [0, 1, 5_000, payloadPartBytes, payloadPartBytes + 1, 3 * payloadPartBytes + 17];
    it.each(sizes)('of %i bytes comes back as it was', async (size) => {
      const { first, second } = use();
      const bytes = randomBytes(size);
      const id = await first.payloads.putPayload({ name: randomUUID(), bytes, expiresAtMs: laterMs() });
      const found = await second.payloads.getPayload(id);
      expect(found).toBeInstanceOf(Uint8Array);
      expect(found !== undefined && bytes.equals(found)).toBe(true);
    });

    it('may be written again', async () => {
      const { first, second } = use();
      const input = { name: randomUUID(), bytes: randomBytes(2 * payloadPartBytes), expiresAtMs: laterMs() };
      const ids = await Promise.all([first, second, first].map((store) => store.payloads.putPayload(input)));
      const [id = ''] = ids;
      expect(new Set(ids).size).toBe(1);
      const found = await second.payloads.getPayload(id);
      expect(found !== undefined && input.bytes.equals(found)).toBe(true);
    });

    it('that nobody wrote is undefined', async () => {
      expect(await use().first.payloads.getPayload(randomUUID())).toBeUndefined();
    });

    it.each([0, 1, 2_000_000])(
      'is read piece by piece, also from byte %i on, and says what the whole is',
      async (offset) => {
        const { first, second } = use();
        const bytes = randomBytes(2 * payloadPartBytes + 5);
        const id = await first.payloads.putPayload({ name: randomUUID(), bytes, expiresAtMs: laterMs() });
        const opened = await second.payloads.openPayload(id);
        expect(opened?.bytes).toBe(bytes.byteLength);
        expect(Buffer.from(opened?.sha256 ?? [])).toEqual(createHash('sha256').update(bytes).digest());
        const pieces: Uint8Array[] = [];
        for await (const piece of opened?.readFrom(offset) ?? []) pieces.push(piece);
        expect(Math.max(...pieces.map((piece) => piece.byteLength))).toBeLessThanOrEqual(payloadPartBytes);
        expect(Buffer.concat(pieces).equals(bytes.subarray(offset))).toBe(true);
        expect(await second.payloads.openPayload(randomUUID())).toBeUndefined();
      },
    );

    it.each([0, 5, payloadPartBytes, payloadPartBytes + 1, 3 * payloadPartBytes + 17])(
      'of %i bytes may come part by part, and is there when all of it is',
      async (size) => {
        const { harness, first, second } = use();
        const name = randomUUID();
        const bytes = randomBytes(size);
        const sha256 = createHash('sha256').update(bytes).digest();
        async function* parts(): AsyncGenerator<Uint8Array, Uint8Array> {
          for (let from = 0; from < size; from += payloadPartBytes) {
            yield bytes.subarray(from, from + payloadPartBytes);
            expect(await harness.hasPayload(name)).toBe(false);
          }
          return sha256;
        }
        const written = await first.payloads.writePayload({ name, bytes: size, expiresAtMs: laterMs() }, parts());
        const { id } = written;
        expect(Buffer.from(written.sha256)).toEqual(sha256);
        expect(await harness.hasPayload(name)).toBe(true);
        const found = await second.payloads.getPayload(id);
        expect(found !== undefined && bytes.equals(found)).toBe(true);
        const opened = await second.payloads.openPayload(id);
        expect([opened?.bytes, Buffer.from(opened?.sha256 ?? [])]).toEqual([size, sha256]);
        await second.payloads.deletePayload(id);
        expect(await first.payloads.getPayload(id)).toBeUndefined();
        expect(await harness.hasPayload(name)).toBe(false);
      },
    );

    it.each([0, 1, payloadPartBytes, 3 * payloadPartBytes, 19 * payloadPartBytes + 17])(
      'of %i bytes may come part by part although nobody knows its size before the end',
      async (size) => {
        const { harness, first, second } = use();
        const name = randomUUID();
        const bytes = randomBytes(size);
        const sha256 = createHash('sha256').update(bytes).digest();
        const input = { name, bytes: { atMost: 20 * payloadPartBytes }, expiresAtMs: laterMs() };
        const { id, ...whole } = await first.payloads.writePayload(input, partsOf(bytes, sha256));
        expect({ ...whole, sha256: Buffer.from(whole.sha256) }).toEqual({ bytes: size, sha256 });
        const found = await second.payloads.getPayload(id);
        expect(found !== undefined && bytes.equals(found)).toBe(true);
        const opened = await second.payloads.openPayload(id);
        expect([opened?.bytes, Buffer.from(opened?.sha256 ?? [])]).toEqual([size, sha256]);
        await second.payloads.deletePayload(id);
        expect([await first.payloads.getPayload(id), await harness.hasPayload(name)]).toEqual([undefined, false]);
      },
    );

    it('whose source fails in the middle leaves no payload', async () => {
      const { harness, first } = use();
      const name = randomUUID();
      const bytes = randomBytes(2 * payloadPartBytes);
      const expiresAtMs = laterMs();
      async function* broken(): AsyncGenerator<Uint8Array, Uint8Array> {
        yield bytes.subarray(0, payloadPartBytes);
        yield bytes.subarray(payloadPartBytes);
        throw new Error('the line was cut');
      }
      const written = first.payloads.writePayload({ name, bytes: 3 * payloadPartBytes, expiresAtMs }, broken());
      await expect(written).rejects.toThrow('the line was cut');
      expect(await harness.hasPayload(name)).toBe(false);
    });

    it('that goes while it is read ends in PAYLOAD_GONE', async () => {
      const { first } = use();
      const bytes = randomBytes(3 * payloadPartBytes);
      const id = await first.payloads.putPayload({ name: randomUUID(), bytes, expiresAtMs: laterMs() });
      const pieces = (await first.payloads.openPayload(id))?.readFrom(0)[Symbol.asyncIterator]();
      expect((await pieces?.next())?.done).toBe(false);
      await first.payloads.deletePayload(id);
      await expect(pieces?.next()).rejects.toMatchObject({ code: 'PAYLOAD_GONE' });
    });

    it('that was deleted is undefined for everyone, and may be deleted again', async () => {
      const { first, second } = use();
      const bytes = randomBytes(18 * payloadPartBytes);
      const expiresAtMs = laterMs();
      const put = (): Promise<string> => first.payloads.putPayload({ name: randomUUID(), bytes, expiresAtMs });
      const [id, other] = await Promise.all([put(), put()]);
      await second.payloads.deletePayload(id);
      expect(await first.payloads.getPayload(id)).toBeUndefined();
      await first.payloads.deletePayload(id);
      await first.payloads.deletePayload(randomUUID());
      const left = await second.payloads.getPayload(other);
      expect(left !== undefined && bytes.equals(left)).toBe(true);
    });

    it('expires for every reader', async () => {
      const { first, second } = use();
      // By then a slow machine has read it once.
      const expiresAtMs = Date.now() + 5_000;
      const id = await first.payloads.putPayload({ name: randomUUID(), bytes: new Uint8Array(10), expiresAtMs });
      expect(await second.payloads.getPayload(id)).toHaveLength(10);
      await expect.poll(() => second.payloads.getPayload(id), { timeout: 15_000, interval: 100 }).toBeUndefined();
      expect(await second.payloads.openPayload(id)).toBeUndefined();
    });

    it('with a part missing is undefined', async () => {
      const { harness, first } = use();
      const bytes = randomBytes(2 * payloadPartBytes);
      const id = await first.payloads.putPayload({ name: randomUUID(), bytes, expiresAtMs: laterMs() });
      await harness.damagePayload(id, 'drop-last-part');
      expect(await first.payloads.getPayload(id)).toBeUndefined();
    });

    it('with a changed part is an error', async () => {
      const { harness, first } = use();
      const bytes = randomBytes(2 * payloadPartBytes);
      const id = await first.payloads.putPayload({ name: randomUUID(), bytes, expiresAtMs: laterMs() });
      await harness.damagePayload(id, 'change-last-part');
      await expect(first.payloads.getPayload(id)).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    });
  });
}
