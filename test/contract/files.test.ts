/** The files of large payloads: the contract of every payload store, and what is true of files alone. */
import { randomBytes, randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openFilePayloads } from '../../src/adapters/files/file-payload-store.ts';
import { draftIdleMs, draftTouchMs, sweepStep, UntouchedDrafts } from '../../src/adapters/files/file-sweep.ts';
import { payloadPartBytes, type PayloadStore } from '../../src/application/ports/payload-store.ts';
import { sweptLateMs, ticketPlace } from '../../src/application/storage/upload-ticket.ts';
import { type FilePayloadsHarness, makeFilePayloadsHarness } from '../support/file-payloads.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { clusterMark, type PayloadsUnderTest, realClock, silentLog, storeRuntime } from '../support/stores.ts';
import { describePayloads } from './payload-contract.ts';
import { describePlaces } from './place-contract.ts';

const laterMs = (): number => Date.now() + 600_000;
const isOurs = async (): Promise<boolean> => true;

describe('files', () => {
  let current: PayloadsUnderTest | undefined;
  beforeAll(async () => {
    const harness = makeFilePayloadsHarness();
    current = { harness, first: await harness.open(), second: await harness.open() };
    return () => harness.dispose();
  });
  describePayloads(() => {
    if (current === undefined) throw new Error('the folder was not opened');
    return current;
  });
});

describe('a folder of files', () => {
  const root = mkdtempSync(join(tmpdir(), 'troupe-places-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const mark = (place: string): string => join(root, place, 'cluster-id');
  describePlaces(() => ({
    open: (place, options) => openFilePayloads({ folder: join(root, place), ...storeRuntime, ...options }),
    copy: async (from, to) => cpSync(join(root, from), join(root, to), { recursive: true }),
    async writeMark(place, text) {
      mkdirSync(join(root, place), { recursive: true });
      writeFileSync(mark(place), text);
    },
    removeMark: async (place) => rmSync(mark(place)),
    isEmpty: async (place) => !existsSync(join(root, place)),
  }));
});

describe('a payload in a file', () => {
  let harness: FilePayloadsHarness;
  let payloads: PayloadStore;
  beforeAll(async () => {
    harness = makeFilePayloadsHarness();
    ({ payloads } = await harness.open());
  });
  afterAll(() => harness.dispose());

  it('is the bytes and nothing else, for nobody but this user', async () => {
    const bytes = randomBytes(100);
    const name = `${randomUUID()}/12.1/output`;
    const id = await payloads.putPayload({ name, bytes, expiresAtMs: laterMs() });
    const path = harness.pathOf(id);
    expect(harness.files().filter((file) => file.includes(name.replaceAll('/', '~')))).toHaveLength(1);
    expect([statSync(path).size, statSync(path).mode & 0o777]).toEqual([100, 0o600]);
    expect(await payloads.getPayload(id)).toEqual(new Uint8Array(bytes));
  });

  it.each(['', '..', 'a/../b', '/etc/passwd', 'a//b', 'a~b', '.a', 'a..b', 'a\0b', 'a:b', 'a/b/c/d/e', 'x'.repeat(81)])(
    'is never written under the name %j',
    async (name) => {
      const before = harness.files();
      const put = payloads.putPayload({ name, bytes: randomBytes(9), expiresAtMs: laterMs() });
      await expect(put).rejects.toThrow(RangeError);
      expect(harness.files()).toEqual(before);
    },
  );

  it('is not found under an id that was tampered with, and nothing else is', async () => {
    const bytes = randomBytes(50);
    const id = await payloads.putPayload({ name: 'mine', bytes, expiresAtMs: laterMs() });
    const [word, expires, size, sum] = id.split(':');
    writeFileSync(join(harness.folder, 'outside'), bytes);
    for (const hostile of [
      `${word}:${expires}:${size}:${sum}:../outside`,
      `${word}:${expires}:${size}:${sum}:..`,
      `${word}:1e99:${size}:${sum}:mine`,
      `${word}:${expires}:-1:${sum}:mine`,
      `${word}:${expires}:${size}:short:mine`,
      `${word}:${expires}:${size}:${sum}:mine:more`,
      '../outside',
    ]) {
      expect(await payloads.getPayload(hostile)).toBeUndefined();
      expect(await payloads.openPayload(hostile)).toBeUndefined();
      await payloads.deletePayload(hostile);
    }
    expect(existsSync(join(harness.folder, 'outside'))).toBe(true);
    expect(await payloads.getPayload(id)).toBeDefined();
  });

  it('that was cut short is damaged, and none of it is taken for the whole', async () => {
    const id = await payloads.putPayload({
      name: 'cut',
      bytes: randomBytes(2 * payloadPartBytes),
      expiresAtMs: laterMs(),
    });
    const opened = await payloads.openPayload(id);
    truncateSync(harness.pathOf(id), payloadPartBytes + 5);
    await expect(payloads.getPayload(id)).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    await expect(payloads.openPayload(id)).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    const read = async (): Promise<void> => {
      for await (const piece of opened?.readFrom(0) ?? []) expect(piece.byteLength).toBeGreaterThan(0);
    };
    await expect(read()).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
  });

  it('whose source fails leaves no file', async () => {
    const before = harness.files();
    async function* broken(): AsyncGenerator<Uint8Array, Uint8Array> {
      yield randomBytes(payloadPartBytes);
      throw new Error('the line was cut');
    }
    const input = { name: randomUUID(), bytes: 2 * payloadPartBytes, expiresAtMs: laterMs() };
    await expect(payloads.writePayload(input, broken())).rejects.toThrow('the line was cut');
    expect(harness.files()).toEqual(before);
  });
});

describe('the folder of large payloads', () => {
  const input = () => ({ name: randomUUID(), bytes: randomBytes(9), expiresAtMs: laterMs() });

  it('that is away, like a disk that is not mounted, says nothing of a payload, takes none and frees none', async () => {
    const harness = makeFilePayloadsHarness();
    onTestFinished(() => harness.dispose());
    const { payloads } = await harness.open();
    const id = await payloads.putPayload(input());
    const away = `${harness.folder}-away`;
    renameSync(harness.folder, away);
    const unavailable = {
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining(`the folder of large payloads (${harness.folder}): it is not the one`) as string,
    };
    for (const isMountPoint of [false, true]) {
      if (isMountPoint) mkdirSync(harness.folder);
      await expect(payloads.getPayload(id)).rejects.toMatchObject(unavailable);
      await expect(payloads.openPayload(id)).rejects.toMatchObject(unavailable);
      await expect(payloads.putPayload(input())).rejects.toMatchObject(unavailable);
      await expect(payloads.deletePayload(id)).rejects.toMatchObject(unavailable);
    }
    rmSync(harness.folder, { recursive: true });
    renameSync(away, harness.folder);
    expect(await payloads.getPayload(id)).toHaveLength(9);
    await payloads.deletePayload(id);
    expect(await payloads.getPayload(id)).toBeUndefined();
  });

  it('is for nobody but this user, and is not created for who writes no large payloads', async () => {
    const folder = join(mkdtempSync(join(tmpdir(), 'troupe-objects-')), 'deep', 'objects');
    onTestFinished(() => rmSync(dirname(dirname(folder)), { recursive: true }));
    const mark = clusterMark();
    const open = async (writes: boolean) => {
      const { payloads, close } = await openFilePayloads({ folder, writes, ...mark, ...storeRuntime });
      onTestFinished(close);
      return payloads;
    };
    const reader = await open(false);
    expect(existsSync(folder)).toBe(false);
    const id = await (await open(true)).putPayload(input());
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(await reader.getPayload(id)).toHaveLength(9);
  });
});

describe('the sweep of files', () => {
  it('goes on past what cannot be removed, and says so once', async () => {
    const harness = makeFilePayloadsHarness();
    onTestFinished(() => harness.dispose());
    const { payloads } = await harness.open({ clock: { ...realClock, setTimer: () => () => undefined } });
    const { folder } = harness;
    const expiresAtMs = Date.now() + 600_000;
    const id = await payloads.putPayload({ name: 'last', bytes: randomBytes(1), expiresAtMs });
    writeFileSync(join(folder, '1999-12-31T23'), 'a file of the name of an hour');
    mkdirSync(join(dirname(harness.pathOf(id)), `${'0'.repeat(15)}.a-folder`));
    mkdirSync(join(folder, 'unfinished', 'a-folder'));
    const warnings: unknown[] = [];
    const log = { ...silentLog, warn: (facts: object) => void warnings.push(facts) };
    const untouched = new UntouchedDrafts();
    let monotonicMs = 0;
    const clock = { ...realClock, nowMs: () => expiresAtMs, monotonicMs: () => monotonicMs };
    await sweepStep({ folder, isOurs, untouched, log: silentLog, clock });
    monotonicMs = draftIdleMs;
    await sweepStep({ folder, isOurs, untouched, log, clock });
    expect(existsSync(harness.pathOf(id))).toBe(false);
    expect(warnings).toMatchObject([{ failures: 3 }]);
  });

  it('removes an upload with its ticket, where both were copied from a bucket', async () => {
    const harness = makeFilePayloadsHarness();
    onTestFinished(() => harness.dispose());
    const { payloads } = await harness.open({ clock: { ...realClock, setTimer: () => () => undefined } });
    const keepByMs = Date.now();
    const expiresAtMs = keepByMs + 24 * 3_600_000;
    const put = (name: string): Promise<string> => payloads.putPayload({ name, bytes: randomBytes(9), expiresAtMs });
    const [unused, used] = [await put('up-unused'), await put('up-used')];
    const upload = { name: 'up-unused', bytes: 9, sha256: randomBytes(32), keepByMs, expiresAtMs };
    const { hour, entry } = ticketPlace(upload);
    mkdirSync(join(harness.folder, hour), { recursive: true });
    writeFileSync(join(harness.folder, hour, entry), '');
    const there = (): readonly boolean[] => [unused, used].map((id) => existsSync(harness.pathOf(id)));
    const step = (nowMs: number): Promise<boolean> => {
      const clock = { ...realClock, nowMs: () => nowMs };
      const untouched = new UntouchedDrafts();
      return sweepStep({ folder: harness.folder, isOurs, untouched, clock, log: silentLog });
    };
    await step(keepByMs + sweptLateMs - 1);
    expect(there()).toEqual([true, true]);
    await step(keepByMs + sweptLateMs);
    expect([there(), existsSync(join(harness.folder, hour, entry))]).toEqual([[false, true], false]);
  });

  it('removes what has expired and drafts without a writer, and nothing else', async () => {
    const harness = makeFilePayloadsHarness();
    onTestFinished(() => harness.dispose());
    const { payloads } = await harness.open({ clock: { ...realClock, setTimer: () => () => undefined } });
    const startMs = Date.UTC(2026, 10, 29, 22, 10);
    let nowMs = startMs;
    let wallMs = startMs;
    const clock = { ...realClock, nowMs: () => nowMs, wallMs: () => wallMs, monotonicMs: () => monotonicMs };
    const put = (name: string, expiresAtMs: number): Promise<string> =>
      payloads.putPayload({ name, bytes: randomBytes(9), expiresAtMs });
    const soon = await put('soon', startMs + 60_000);
    const later = await put('later', startMs + 120_000);
    const [nextHour] = [await put('next-hour', startMs + 3_600_000)];
    const drafts = join(harness.folder, 'unfinished');
    for (const name of ['old', 'young']) writeFileSync(join(drafts, name), 'draft');
    const untouched = new UntouchedDrafts();
    let monotonicMs = 0;
    const folder = harness.folder;
    const there = (): readonly boolean[] => [soon, later, nextHour].map((id) => existsSync(harness.pathOf(id)));

    const step = (): Promise<boolean> => sweepStep({ folder, isOurs, untouched, clock, log: silentLog });
    expect(await step()).toBe(false);
    // However far the wall clock was set forward.
    wallMs += 7 * 86_400_000;
    monotonicMs = draftIdleMs - 1;
    await step();
    expect(readdirSync(drafts).sort()).toEqual(['old', 'young']);
    utimesSync(join(drafts, 'young'), 1, 1);
    monotonicMs = draftIdleMs;
    expect(await step()).toBe(false);
    expect(there()).toEqual([true, true, true]);
    expect(readdirSync(drafts)).toEqual(['young']);
    nowMs = startMs + 60_000;
    await step();
    expect(there()).toEqual([false, true, true]);
    nowMs = startMs + 3_000_000;
    await step();
    expect(there()).toEqual([false, false, true]);
    // The folder goes with its hour.
    expect(existsSync(dirname(harness.pathOf(soon)))).toBe(false);
    expect(existsSync(dirname(harness.pathOf(nextHour)))).toBe(true);
  });

  it('leaves a draft alone whose writer computes for hours before it writes on', async () => {
    const harness = makeFilePayloadsHarness();
    onTestFinished(() => harness.dispose());
    let wallMs = Date.now();
    const touches = new Set<() => void>();
    const setTimer = (delayMs: number, fire: () => void): (() => void) => {
      if (delayMs === draftTouchMs) touches.add(fire);
      return () => touches.delete(fire);
    };
    let monotonicMs = 0;
    const clock = { ...realClock, wallMs: () => wallMs, monotonicMs: () => monotonicMs, setTimer };
    const untouched = new UntouchedDrafts();
    const { payloads } = await harness.open({ clock });
    const { folder } = harness;
    const isComputed = Promise.withResolvers<undefined>();
    async function* output(): AsyncGenerator<Uint8Array, Uint8Array> {
      yield new Uint8Array(payloadPartBytes);
      await isComputed.promise;
      yield new Uint8Array(9);
      return new Uint8Array(32);
    }
    const input = { name: 'output', bytes: payloadPartBytes + 9, expiresAtMs: laterMs() };
    const written = payloads.writePayload(input, output());
    const drafts = (): readonly string[] => readdirSync(join(folder, 'unfinished'));
    await expect.poll(() => touches.size).toBe(1);
    for (let hour = 0; hour < 3; hour += 1) {
      wallMs += draftIdleMs;
      monotonicMs += draftIdleMs;
      for (const fire of [...touches]) fire();
      const [draft = ''] = drafts();
      await expect.poll(() => Math.round(statSync(join(folder, 'unfinished', draft)).mtimeMs)).toBe(wallMs);
      await sweepStep({ folder, isOurs, untouched, clock, log: silentLog });
      expect(drafts()).toHaveLength(1);
    }
    isComputed.resolve(undefined);
    const { id } = await written;
    expect(statSync(harness.pathOf(id)).size).toBe(payloadPartBytes + 9);
    expect([drafts(), touches.size]).toEqual([[], 0]);
  });

  it('removes a bounded number of files at a time', async () => {
    const harness = makeFilePayloadsHarness();
    onTestFinished(() => harness.dispose());
    const { payloads } = await harness.open({ clock: { ...realClock, setTimer: () => () => undefined } });
    const expiresAtMs = Date.now() + 600_000;
    await payloads.putPayload({ name: 'first', bytes: randomBytes(1), expiresAtMs });
    const [file = ''] = harness.files();
    for (let n = 0; n < 149; n += 1) writeFileSync(join(harness.folder, `${file}-${n}`), '');
    const untouched = new UntouchedDrafts();
    const clock = { ...realClock, nowMs: () => expiresAtMs };
    const { folder } = harness;
    expect(await sweepStep({ folder, isOurs, untouched, clock, log: silentLog })).toBe(true);
    expect(harness.files()).toHaveLength(50);
    expect(await sweepStep({ folder, isOurs, untouched, clock, log: silentLog })).toBe(false);
    expect(harness.files()).toHaveLength(0);
  });
});

describe('a full disk', () => {
  const whole = { writes: true, ...clusterMark(), ...storeRuntime };

  it('is not filled by large payloads, however many come at once: a reserve stays, and the next fits when some are gone', async ({
    skip,
  }) => {
    const disk = mountSmallDisk(40 * payloadPartBytes);
    if (!('dir' in disk)) return skip(disk.reason);
    onTestFinished(disk.unmount);
    const folder = join(disk.dir, 'objects');
    const reserveBytes = 16 * payloadPartBytes;
    const { payloads, close } = await openFilePayloads({ ...whole, folder, reserveBytes });
    onTestFinished(close);
    const bytes = randomBytes(4 * payloadPartBytes);
    const put = (n: number): Promise<string> => payloads.putPayload({ name: `n${n}`, bytes, expiresAtMs: laterMs() });
    const freeBytes = (): number => statfsSync(folder).bavail * statfsSync(folder).bsize;
    const outcomes = await Promise.allSettled([...Array(12).keys()].map(put));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.length).toBeGreaterThanOrEqual(6);
    for (const { reason } of refused) {
      expect(reason).toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringContaining(`objects.files.reserveBytes (${reserveBytes})`) as string,
      });
    }
    expect(readdirSync(join(folder, 'unfinished'))).toEqual([]);
    // What went into the last pieces at once.
    expect(freeBytes()).toBeGreaterThan(reserveBytes - 12 * payloadPartBytes);
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') await payloads.deletePayload(outcome.value);
    expect(await payloads.getPayload(await put(99))).toHaveLength(bytes.byteLength);
  });

  it('refuses a payload with a reason, keeps nothing of it, and takes the next once there is room', async ({
    skip,
  }) => {
    const disk = mountSmallDisk(8 * payloadPartBytes);
    if (!('dir' in disk)) return skip(disk.reason);
    onTestFinished(disk.unmount);
    const folder = join(disk.dir, 'objects');
    const { payloads, close } = await openFilePayloads({ folder, writes: true, ...clusterMark(), ...storeRuntime });
    onTestFinished(close);
    const bytes = randomBytes(2 * payloadPartBytes);
    const kept = await payloads.putPayload({ name: 'kept', bytes, expiresAtMs: laterMs() });
    disk.fill();
    const put = (): Promise<string> => payloads.putPayload({ name: 'next', bytes, expiresAtMs: laterMs() });
    await expect(put()).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: true,
      message: `the folder of large payloads (${folder}): the disk is full`,
    });
    expect(readdirSync(join(folder, 'unfinished'))).toEqual([]);
    disk.free();
    for (const id of [kept, await put()]) expect(await payloads.getPayload(id)).toEqual(new Uint8Array(bytes));
  });
});
