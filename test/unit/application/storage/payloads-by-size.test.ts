// Small payloads and large ones lie in two places, and each is found where it lies.
import { describe, expect, it } from 'vitest';
import type { PayloadStore } from '../../../../src/application/ports/payload-store.ts';
import { createPayloadsBySize } from '../../../../src/application/storage/payloads-by-size.ts';

/** Answers with the place and what was asked of it. */
function place(name: string, asked: string[]): PayloadStore {
  const note = (what: string): void => void asked.push(`${name}: ${what}`);
  return {
    putPayload: async (input) => (note(`put ${input.name}`), input.name),
    writePayload: async (input) => (
      note(`write ${input.name}`),
      { id: input.name, bytes: 0, sha256: new Uint8Array() }
    ),
    getPayload: async (id) => (note(`get ${id}`), undefined),
    openPayload: async (id) => (note(`open ${id}`), undefined),
    deletePayload: async (id) => note(`delete ${id}`),
  };
}

function bySize(largeAboveBytes: number): { readonly payloads: PayloadStore; readonly asked: string[] } {
  const asked: string[] = [];
  const payloads = createPayloadsBySize({
    small: place('small', asked),
    large: place('large', asked),
    largeAboveBytes,
  });
  return { payloads, asked };
}

const none: AsyncIterator<Uint8Array, Uint8Array> = { next: async () => ({ done: true, value: new Uint8Array() }) };

describe('payloads by size', () => {
  it('are written where their size says', async () => {
    const { payloads, asked } = bySize(10);
    for (const bytes of [0, 10, 11]) {
      await payloads.putPayload({ name: String(bytes), bytes: new Uint8Array(bytes), expiresAtMs: 1 });
      await payloads.writePayload({ name: String(bytes), bytes, expiresAtMs: 1 }, none);
    }
    expect(asked).toEqual([
      'small: put 0',
      'small: write 0',
      'small: put 10',
      'small: write 10',
      'large: put 11',
      'large: write 11',
    ]);
  });

  it.each([
    { parts: [4, 6], at: 'small: write p' },
    { parts: [], at: 'small: write p' },
    { parts: [4, 6, 1, 5], at: 'large: write p' },
  ])('of unknown size ($parts) are held back until it is clear where they go', async ({ parts, at }) => {
    const taken: number[] = [];
    const asked: string[] = [];
    const writes = (name: string): PayloadStore => ({
      ...place(name, asked),
      async writePayload(input, source) {
        asked.push(`${name}: write ${input.name}`);
        for (let next = await source.next(); next.done !== true; next = await source.next()) {
          taken.push(next.value.byteLength);
        }
        return { id: 'p', bytes: 0, sha256: new Uint8Array([7]) };
      },
    });
    const payloads = createPayloadsBySize({ small: writes('small'), large: writes('large'), largeAboveBytes: 10 });
    async function* source(): AsyncGenerator<Uint8Array, Uint8Array> {
      for (const bytes of parts) yield new Uint8Array(bytes);
      return new Uint8Array([7]);
    }
    await payloads.writePayload({ name: 'p', bytes: { atMost: 100 }, expiresAtMs: 1 }, source());
    expect([asked, taken]).toEqual([[at], parts]);
  });

  it('are found and deleted where their id says, whatever the limit is now', async () => {
    const { payloads, asked } = bySize(10);
    const large = `object:1:3:${'A'.repeat(43)}:in-1`;
    for (const id of ['in-1', large]) {
      await payloads.getPayload(id);
      await payloads.openPayload(id);
      await payloads.deletePayload(id);
    }
    const places = asked.map((line) => line.split(' ')[0]);
    expect(places).toEqual(['small:', 'small:', 'small:', 'large:', 'large:', 'large:']);
  });
});
