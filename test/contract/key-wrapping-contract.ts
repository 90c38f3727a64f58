/** What every place of key-encryption keys does. */
import { describe, expect, it } from 'vitest';
import {
  dataKeyBytes,
  keyRefMaxBytes,
  type KeyWrapping,
  wrappedMaxBytes,
} from '../../src/application/ports/key-wrapping.ts';

export interface WrappingUnderTest {
  readonly keys: KeyWrapping;
  /** Nothing answers, until it is called with true. */
  there(isThere: boolean): void;
  /** From now on another key wraps. The former one still opens. */
  rotate(): void | Promise<void>;
}

export function describeKeyWrapping(current: () => WrappingUnderTest): void {
  const plain = Buffer.alloc(dataKeyBytes, 3);
  const away = { code: 'ENCRYPTION_UNAVAILABLE' };

  describe('key-encryption keys', () => {
    it('wrap for a tenant, and unwrap for it alone, within the bounds of an envelope', async () => {
      const { keys } = current();
      const wrapped = await keys.wrap(plain, 'acme');
      expect(Buffer.byteLength(wrapped.keyRef)).toBeLessThanOrEqual(keyRefMaxBytes);
      expect(wrapped.wrapped.byteLength).toBeLessThanOrEqual(wrappedMaxBytes);
      expect(Buffer.from(wrapped.wrapped).includes(plain)).toBe(false);
      expect(Buffer.from((await keys.unwrap(wrapped, 'acme')) ?? [])).toEqual(plain);
      expect(await keys.unwrap(wrapped, 'other')).toBeUndefined();
      expect(await keys.unwrap(wrapped, 'acme2')).toBeUndefined();
    });

    it('open nothing that was changed', async () => {
      const { keys } = current();
      const { keyRef, wrapped } = await keys.wrap(plain, 'acme');
      const changed = Buffer.from(wrapped);
      const at = changed.length - 20;
      changed[at] = changed[at] === 65 ? 66 : 65;
      expect(await keys.unwrap({ keyRef, wrapped: changed }, 'acme')).toBeUndefined();
      expect(await keys.unwrap({ keyRef, wrapped: Buffer.from('x') }, 'acme')).toBeUndefined();
    });

    it('say that they are away, and open the same when they are back', async () => {
      const { keys, there } = current();
      const wrapped = await keys.wrap(plain, 'acme');
      there(false);
      await expect(keys.wrap(plain, 'acme')).rejects.toMatchObject(away);
      await expect(keys.unwrap(wrapped, 'acme')).rejects.toMatchObject(away);
      there(true);
      expect(Buffer.from((await keys.unwrap(wrapped, 'acme')) ?? [])).toEqual(plain);
    });

    it('open what a former key has wrapped', async () => {
      const { keys, rotate } = current();
      const wrapped = await keys.wrap(plain, 'acme');
      await rotate();
      const later = await keys.wrap(plain, 'acme');
      expect(Buffer.from((await keys.unwrap(wrapped, 'acme')) ?? [])).toEqual(plain);
      expect(Buffer.from((await keys.unwrap(later, 'acme')) ?? [])).toEqual(plain);
    });

    it('miss the key of another place, wherever its reference leads', async () => {
      const { keys } = current();
      const { wrapped } = await keys.wrap(plain, 'acme');
      for (const keyRef of ['other:one', '', ':', '__proto__', '../../sys/seal'])
        await expect(keys.unwrap({ keyRef, wrapped }, 'acme')).rejects.toMatchObject({
          ...away,
          metadata: { why: 'no-key' },
        });
    });
  });
}
