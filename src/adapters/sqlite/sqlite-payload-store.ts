/** `PayloadStore` on SQLite. */
import type { Clock } from '../../application/ports/runtime.ts';
import type { PayloadStore } from '../../application/ports/payload-store.ts';
import { partsFrom, writeParts } from '../../application/storage/payload-parts.ts';
import type { StoreLink } from './link/store-link.ts';

export function createSqlitePayloadStore(link: StoreLink, clock: Clock): PayloadStore {
  async function deletePayload(id: string): Promise<void> {
    let left = true;
    while (left) left = await link.write('deletePayload', id);
  }
  return {
    deletePayload,
    // Each part is a transaction of its own, so that other writers get their turn. `writeParts` makes the payload
    // visible last.
    async writePayload({ name: id, expiresAtMs }, source) {
      try {
        const whole = await writeParts(source, (part, slice, { bytes: totalBytes, sha256 }) =>
          link.write('writePayload', id, { part, totalBytes, expiresAtMs }, sha256, slice),
        );
        return { id, ...whole };
      } catch (error) {
        await deletePayload(id).catch(() => undefined);
        throw error;
      }
    },
    async putPayload({ name: id, bytes, expiresAtMs }) {
      await link.write('putPayload', id, expiresAtMs, bytes);
      return id;
    },
    async openPayload(id) {
      const head = await link.read('openPayload', id, clock.nowMs());
      if (head === undefined) return undefined;
      const { totalBytes, sha256 } = head;
      const part = (number: number) => link.read('readPayload', id, number, clock.nowMs());
      return { bytes: totalBytes, sha256, readFrom: (offset) => partsFrom(offset, totalBytes, part) };
    },
    getPayload: (id) => link.read('getPayload', id, clock.nowMs()),
  };
}
