/** Keys and payload stores in memory, for tests of what is sealed. */
import { createHash, randomBytes } from 'node:crypto';
import { createFileKeys, parseKeyFile } from '../../src/adapters/keys/file-keys.ts';
import { keysAway } from '../../src/adapters/keys/key-errors.ts';
import type { KeyWrapping } from '../../src/application/ports/key-wrapping.ts';
import type { PayloadStore } from '../../src/application/ports/payload-store.ts';
import type { Clock } from '../../src/application/ports/runtime.ts';
import { DataKeys, type DataKeysParts } from '../../src/application/sealing/data-keys.ts';
import { createSealing, type Sealing } from '../../src/application/sealing/sealing.ts';
import { partsFrom } from '../../src/application/storage/payload-parts.ts';

export function keyLine(name: string): string {
  return `${name} ${randomBytes(32).toString('base64')}`;
}

export interface TestKeys extends KeyWrapping {
  /** Lines of the file of keys. The first one is current. */
  lines: readonly string[];
  isAway: boolean;
  readonly asked: { wrap: number; unwrap: number };
}

export function createTestKeys(lines: readonly string[] = [keyLine('one')]): TestKeys {
  const keys = createFileKeys({
    path: 'keys',
    keys: () => parseKeyFile(Buffer.from(own.lines.join('\n'))),
    close: () => undefined,
  });
  const ensureThere = (): void => {
    if (own.isAway) throw keysAway('no-answer', 'the keys are away');
  };
  const own: TestKeys = {
    ...keys,
    lines,
    isAway: false,
    asked: { wrap: 0, unwrap: 0 },
    async wrap(plain, tenant) {
      own.asked.wrap += 1;
      ensureThere();
      return keys.wrap(plain, tenant);
    },
    async unwrap(wrapped, tenant) {
      own.asked.unwrap += 1;
      ensureThere();
      return keys.unwrap(wrapped, tenant);
    },
  };
  return own;
}

export function createTestSealing(
  wrapping: KeyWrapping,
  clock: Pick<Clock, 'monotonicMs'>,
  { requires = () => true, told }: Pick<DataKeysParts, 'told'> & { readonly requires?: Sealing['requires'] } = {},
): Sealing & { readonly keys: DataKeys; readonly refused: string[] } {
  const keys = new DataKeys({ wrapping, clock, randomBytes, ...(told && { told }) });
  const refused: string[] = [];
  const damaged = ({ kind }: { readonly kind: string }): void => void refused.push(kind);
  return { ...createSealing({ keys, randomBytes, requires, damaged }), keys, refused };
}

export interface MemoryPayloads extends PayloadStore {
  readonly stored: Map<string, Uint8Array>;
}

/** Ids are the names. Pieces are of an odd size, which a store may choose. */
export function createMemoryPayloads(): MemoryPayloads {
  const stored = new Map<string, Uint8Array>();
  const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
  return {
    stored,
    async putPayload({ name, bytes }) {
      stored.set(name, Buffer.from(bytes));
      return name;
    },
    async writePayload({ name }, parts) {
      const all: Uint8Array[] = [];
      let next = await parts.next();
      for (; next.done !== true; next = await parts.next()) all.push(Buffer.from(next.value));
      const bytes = Buffer.concat(all);
      stored.set(name, bytes);
      return { id: name, bytes: bytes.byteLength, sha256: next.value };
    },
    getPayload: async (id) => stored.get(id),
    async openPayload(id) {
      const bytes = stored.get(id);
      if (bytes === undefined) return undefined;
      const size = bytes.byteLength;
      const partOf = async (part: number) => bytes.subarray(part * 1_048_576, (part + 1) * 1_048_576);
      return { bytes: size, sha256: sha256(bytes), readFrom: (offset) => partsFrom(offset, size, partOf) };
    },
    async deletePayload(id) {
      stored.delete(id);
    },
  };
}
