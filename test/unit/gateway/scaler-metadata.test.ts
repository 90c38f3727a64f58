// What a KEDA trigger asks for: read strictly, and everything that is wrong is said by its key.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TroupeError } from '../../../src/domain/errors.ts';
import { readScaledClass } from '../../../src/gateway/scaler-metadata.ts';

const good = { workerClass: 'general', slotsPerPod: '8' };

function refused(scalerMetadata: Readonly<Record<string, string>>): TroupeError {
  try {
    readScaledClass({ scalerMetadata });
  } catch (error) {
    return TroupeError.from(error);
  }
  throw new Error('was taken');
}

describe('the metadata of a trigger', () => {
  it('name a class, its slots, and what it serves; what is KEDA’s own is let pass', () => {
    expect(readScaledClass({ scalerMetadata: good })).toEqual({ name: 'general', slotsPerPod: 8 });
    const more = { ...good, scalerAddress: 'troupe:50061', enableTLS: 'true', queues: 'a, b', handlers: 'x.y,z' };
    expect(readScaledClass({ scalerMetadata: more })).toEqual({
      name: 'general',
      slotsPerPod: 8,
      queues: ['a', 'b'],
      handlers: ['x.y', 'z'],
    });
  });

  it.each([
    [{}, ['workerClass', 'slotsPerPod']],
    [{ slotsPerPod: '8' }, ['workerClass']],
    [{ ...good, workerClass: 'General' }, ['workerClass']],
    [{ ...good, workerClass: `x${'y'.repeat(63)}` }, ['workerClass']],
    [{ ...good, slotsPerPod: '0' }, ['slotsPerPod']],
    [{ ...good, slotsPerPod: '1025' }, ['slotsPerPod']],
    [{ ...good, slotsPerPod: '2.5' }, ['slotsPerPod']],
    [{ ...good, slotsPerPod: '-1' }, ['slotsPerPod']],
    [{ ...good, slotsPerPod: '0x8' }, ['slotsPerPod']],
    [{ ...good, slotsPerPod: 'many' }, ['slotsPerPod']],
    [{ ...good, queues: '' }, ['queues']],
    [{ ...good, queues: 'a,,b' }, ['queues']],
    [{ ...good, queues: 'a.b' }, ['queues']],
    [{ ...good, queues: Array.from({ length: 101 }, (_, n) => `q${n}`).join() }, ['queues']],
    [{ ...good, handlers: 'a b' }, ['handlers']],
    [{ ...good, queue: 'a' }, ['queue']],
  ])('%j: refuses %j', (scalerMetadata, keys) => {
    const error = refused(scalerMetadata);
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.violations.map(({ field }) => field)).toEqual(keys.map((key) => `scalerMetadata.${key}`));
    // KEDA shows the message and nothing else.
    for (const key of keys) expect(error.message).toContain(`scalerMetadata.${key}`);
  });

  it('of no object are missing', () => {
    expect(() => readScaledClass(null)).toThrow('scalerMetadata.workerClass is required');
  });

  it('are taken, or refused by name, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.string()),
        fc.string(),
        fc.string(),
        (more, workerClass, slotsPerPod) => {
          try {
            const { slotsPerPod: slots } = readScaledClass({ scalerMetadata: { ...more, workerClass, slotsPerPod } });
            expect(Number.isInteger(slots) && slots >= 1 && slots <= 1_024).toBe(true);
          } catch (error) {
            expect(TroupeError.from(error).violations.length).toBeGreaterThan(0);
          }
        },
      ),
    );
  });
});
