/** How long a data key is used, what is kept of opened ones, and what happens while the keys are away. */
import { randomBytes } from 'node:crypto';
import { beforeEach, expect, it } from 'vitest';
import {
  DataKeys,
  keyLifeMs,
  keyRenewAfterMs,
  keysMax,
  keyUsesMax,
} from '../../../../src/application/sealing/data-keys.ts';
import { keyRefMaxBytes, type WrappedKey, wrappedMaxBytes } from '../../../../src/application/ports/key-wrapping.ts';
import { createTestKeys, createTestSealing, keyLine, type TestKeys } from '../../../support/sealing.ts';
import { createManualClock, type ManualClock } from '../manual-clock.ts';

const unavailable = { code: 'ENCRYPTION_UNAVAILABLE' };
const context = { tenant: 'acme', kind: 'output', subject: 'job', encoding: 'bytes' } as const;

let wrapping: TestKeys;
let clock: ManualClock;
let keys: DataKeys;
beforeEach(() => {
  wrapping = createTestKeys();
  clock = createManualClock();
  keys = new DataKeys({ wrapping, clock, randomBytes });
});

const refOf = async (tenant = 'acme'): Promise<string> =>
  Buffer.from((await keys.current(tenant)).key.wrapped).toString('base64');

it('uses one key for an hour, and makes the next one ahead', async () => {
  const first = await refOf();
  clock.advance(keyRenewAfterMs - 1);
  expect(await refOf()).toBe(first);
  expect(wrapping.asked.wrap).toBe(1);
  clock.advance(1);
  // The present one still counts, and nobody waits for the next.
  expect(await refOf()).toBe(first);
  await expect.poll(() => refOf()).not.toBe(first);
  expect(wrapping.asked.wrap).toBe(2);
});

it('keeps a key to its end while the keys are away, and not longer', async () => {
  const first = await refOf();
  wrapping.isAway = true;
  clock.advance(keyLifeMs - 1);
  expect(await refOf()).toBe(first);
  expect(keys.present('acme')).toBeDefined();
  clock.advance(1_000);
  await expect(refOf()).rejects.toMatchObject(unavailable);
  expect(keys.present('acme')).toBeUndefined();
  wrapping.isAway = false;
  clock.advance(1_000);
  expect(await refOf()).not.toBe(first);
});

it('whoever never waits has a key again soon after it has aged, or has ended', async () => {
  await keys.current('acme');
  clock.advance(keyRenewAfterMs);
  expect(keys.present('acme')).toBeDefined();
  await expect.poll(() => wrapping.asked.wrap).toBe(2);
  clock.advance(keyLifeMs);
  expect(keys.present('acme')).toBeUndefined();
  await expect.poll(() => keys.present('acme')).toBeDefined();
  expect(wrapping.asked.wrap).toBe(3);
  // Nobody asked for this one before.
  expect(keys.present('other')).toBeUndefined();
  await expect.poll(() => keys.present('other')).toBeDefined();
});

it('a wrapped key that fits no envelope is none', async () => {
  for (const tooLarge of [
    { wrapped: new Uint8Array(wrappedMaxBytes + 1) },
    { keyRef: 'x'.repeat(keyRefMaxBytes + 1) },
  ]) {
    const wrap = async (): Promise<WrappedKey> => ({ keyRef: 'vault:x', wrapped: new Uint8Array(9), ...tooLarge });
    const others = new DataKeys({ wrapping: { ...wrapping, wrap }, clock, randomBytes });
    await expect(others.current('acme')).rejects.toMatchObject(unavailable);
  }
});

it('ends a key that was used too often', async () => {
  const first = await refOf();
  const { key, use } = await keys.current('acme');
  // The counter itself, because a billion uses take too long.
  Object.assign(await ownKey(), { uses: (keyUsesMax / 4) * 3 - 1 });
  use();
  expect(Buffer.from(key.wrapped).toString('base64')).toBe(first);
  expect(await refOf()).toBe(first);
  await expect.poll(() => refOf()).not.toBe(first);
  const second = await refOf();
  wrapping.isAway = true;
  Object.assign(await ownKey(), { uses: keyUsesMax });
  await expect(refOf()).rejects.toMatchObject(unavailable);
  expect(second).not.toBe(first);
});

async function ownKey(): Promise<object> {
  return (await keys.current('acme')).key;
}

it('each tenant has a key of its own, and no tenant opens that of another', async () => {
  const { key } = await keys.current('acme');
  expect(await refOf('other')).not.toBe(await refOf());
  const fresh = new DataKeys({ wrapping, clock, randomBytes });
  expect(await fresh.open(key, 'acme')).toBeDefined();
  expect(await fresh.open(key, 'other')).toBeUndefined();
});

it('asks once for a key that many want at once, and again after an hour', async () => {
  const { key } = await keys.current('acme');
  const fresh = new DataKeys({ wrapping, clock, randomBytes });
  await Promise.all(Array.from({ length: 20 }, () => fresh.open(key, 'acme')));
  expect(wrapping.asked.unwrap).toBe(1);
  clock.advance(keyLifeMs - 1);
  await fresh.open(key, 'acme');
  expect(wrapping.asked.unwrap).toBe(1);
  clock.advance(1);
  await fresh.open(key, 'acme');
  expect(wrapping.asked.unwrap).toBe(2);
});

it('opens its own without asking', async () => {
  await keys.open((await keys.current('acme')).key, 'acme');
  expect(wrapping.asked.unwrap).toBe(0);
});

it('keeps a bounded number of keys, of tenants and of refusals', async () => {
  for (let n = 0; n < keysMax + 10; n += 1) await keys.current(`tenant-${n}`);
  expect(keys.sizes).toEqual({ tenants: keysMax, opened: keysMax, refused: 0 });
  const { key } = await keys.current('acme');
  wrapping.isAway = true;
  for (let n = 0; n < keysMax + 10; n += 1) {
    const wrapped = randomBytes(60);
    await expect(keys.open({ keyRef: key.keyRef, wrapped }, 'acme')).rejects.toMatchObject(unavailable);
  }
  expect(keys.sizes).toEqual({ tenants: keysMax, opened: keysMax, refused: keysMax });
});

it('leaves a key service that has failed alone for a second', async () => {
  const { key } = await keys.current('acme');
  const fresh = new DataKeys({ wrapping, clock, randomBytes });
  wrapping.isAway = true;
  for (let n = 0; n < 10; n += 1) {
    await expect(fresh.current('acme')).rejects.toMatchObject(unavailable);
    await expect(fresh.open(key, 'acme')).rejects.toMatchObject(unavailable);
  }
  expect(wrapping.asked).toEqual({ wrap: 2, unwrap: 1 });
  wrapping.isAway = false;
  clock.advance(999);
  await expect(fresh.current('acme')).rejects.toMatchObject(unavailable);
  clock.advance(1);
  expect(await fresh.open(key, 'acme')).toBeDefined();
  expect(await fresh.current('acme')).toBeDefined();
});

it('an error that no adapter should have never lets anything through', async () => {
  const broken = { ...wrapping, wrap: () => Promise.reject(new Error('no idea')) };
  const others = new DataKeys({ wrapping: broken, clock, randomBytes });
  await expect(others.current('acme')).rejects.toMatchObject(unavailable);
});

it('after a rotation it seals with the new key, and opens what the old one sealed', async () => {
  const before = createTestSealing(wrapping, clock);
  const envelope = (await before.sealer('acme')).seal(context, Buffer.from('text'));
  wrapping.lines = [keyLine('two'), ...wrapping.lines];
  const after = createTestSealing(wrapping, clock);
  expect((await after.keys.current('acme')).key.keyRef).toMatch(/^file:two#/);
  expect(Buffer.from((await after.open(envelope, 'whole', context)).plain).toString()).toBe('text');
  // Somebody removed it too early: it may come back.
  wrapping.lines = wrapping.lines.slice(0, 1);
  const third = createTestSealing(wrapping, clock);
  await expect(third.open(envelope, 'whole', context)).rejects.toMatchObject(unavailable);
  expect(third.refused).toEqual([]);
});

it('what a later version has sealed waits for it', async () => {
  const sealing = createTestSealing(wrapping, clock);
  await expect(sealing.open(Buffer.from([9, 9, 9]), 'whole', context)).rejects.toMatchObject(unavailable);
  expect(sealing.refused).toEqual([]);
});

it.each([0, 32])('seals nothing with a key that was wrapped to %i bytes: nobody could open it again', async (bytes) => {
  wrapping.wrap = () => Promise.resolve({ keyRef: 'one', wrapped: new Uint8Array(bytes) });
  await expect(keys.current('acme')).rejects.toMatchObject(unavailable);
});

it('a key that comes back garbled is away, and does not make a payload look damaged', async () => {
  const { keyRef, wrapped } = await wrapping.wrap(randomBytes(32), 'acme');
  const { unwrap } = wrapping;
  wrapping.unwrap = () => Promise.resolve(new Uint8Array(3));
  await expect(keys.open({ keyRef, wrapped }, 'acme')).rejects.toMatchObject(unavailable);
  wrapping.unwrap = unwrap;
  clock.advance(1_000);
  expect(await keys.open({ keyRef, wrapped }, 'acme')).toBeDefined();
});
