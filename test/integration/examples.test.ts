/** The sample handlers as a user gets them: in a real cell, on the sample data and on data made here. */
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32, gunzipSync } from 'node:zlib';
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startPool, type Harness } from '../support/rogue-handlers/harness.ts';

const examplesDir = fileURLToPath(new URL('../../examples', import.meta.url));
const dataFile = (name: string): string => join(examplesDir, 'data', name);

let pool: Harness;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-examples-'));
  pool = await startPool({ handlerDirs: [examplesDir] });
});
afterAll(async () => {
  await pool.stop();
  await rm(dir, { recursive: true });
});

async function bytesOf(handler: string, input: unknown): Promise<Uint8Array> {
  const { outcome } = await pool.run(handler, input).ended;
  if (outcome.kind === 'succeeded' && outcome.output?.kind === 'bytes') return outcome.output.bytes;
  throw new Error(`expected bytes, got ${JSON.stringify(outcome)}`);
}

async function jsonOf(handler: string, input: unknown): Promise<Record<string, unknown>> {
  const { outcome } = await pool.run(handler, input).ended;
  if (outcome.kind === 'succeeded' && outcome.output?.kind === 'json') {
    return JSON.parse(outcome.output.json) as Record<string, unknown>;
  }
  throw new Error(`expected JSON, got ${JSON.stringify(outcome)}`);
}

async function failureOf(handler: string, input: unknown) {
  const { outcome } = await pool.run(handler, input).ended;
  if (outcome.kind !== 'failed') throw new Error(`expected a failure, got ${outcome.kind}`);
  return { ...outcome.failure, retryable: outcome.retryable };
}

it('loads all four, and nothing else', () => {
  expect(pool.manifests.map(({ name, inputKind }) => `${name} ${inputKind}`)).toEqual([
    'archive.compress bytes',
    'csv.summarize any',
    'fractal.render json',
    'image.thumbnail any',
  ]);
  expect(pool.log.filter(({ level }) => level === 'error')).toEqual([]);
});

it('archive.compress gzips what it reads, piece by piece', async () => {
  const input = Buffer.alloc(2_500_000, 'so it goes ');
  const pieces: Uint8Array[] = [];
  const run = pool.run(
    'archive.compress',
    input,
    {},
    {
      read: () => Promise.reject(new Error('the input is in memory')),
      async write(_to, parts) {
        for (let next = await parts.next(); next.done !== true; next = await parts.next()) pieces.push(next.value);
      },
    },
  );
  const { outcome } = await run.ended;
  const packed = Buffer.concat(pieces);
  expect(outcome).toEqual({ kind: 'succeeded', output: { kind: 'streamed', bytes: packed.byteLength } });
  expect(gunzipSync(packed).equals(input)).toBe(true);
  expect(run.progress.at(-1)?.fraction).toBe(1);
});

describe('image.thumbnail', () => {
  it('makes a JPEG small, keeping its proportions and its mean brightness', async () => {
    const original = jpeg.decode(await readFile(dataFile('seahorse-valley.jpg')), { useTArray: true });
    const small = jpeg.decode(await bytesOf('image.thumbnail', await readFile(dataFile('seahorse-valley.jpg'))), {
      useTArray: true,
    });
    expect([small.width, small.height]).toEqual([256, 192]);
    expect(meanLight(small.data) / meanLight(original.data)).toBeCloseTo(1, 1);
  });

  it('takes a path and a size', async () => {
    const bytes = await bytesOf('image.thumbnail', { path: dataFile('elephant-valley.jpg'), maxEdge: 64 });
    expect(jpeg.decode(bytes)).toMatchObject({ width: 48, height: 64 });
  });

  it('keeps PNG as PNG, and its transparency', async () => {
    const png = new PNG({ width: 512, height: 16 });
    for (let pixel = 0; pixel < 512 * 16; pixel += 1)
      png.data.set(pixel % 2 === 0 ? [255, 0, 0, 255] : [0, 255, 0, 0], pixel * 4);
    const small = PNG.sync.read(Buffer.from(await bytesOf('image.thumbnail', new Uint8Array(PNG.sync.write(png)))));
    expect([small.width, small.height]).toEqual([256, 8]);
    // Half opaque, and pure red: what cannot be seen gives no colour.
    expect([...small.data.subarray(0, 4)]).toEqual([255, 0, 0, 128]);
  });

  it('leaves a small picture as large as it is', async () => {
    const png = new PNG({ width: 3, height: 2 });
    const small = PNG.sync.read(Buffer.from(await bytesOf('image.thumbnail', new Uint8Array(PNG.sync.write(png)))));
    expect([small.width, small.height]).toEqual([3, 2]);
  });

  it('turns a picture upright as its camera noted', async () => {
    const data = new Uint8Array(32 * 16 * 4).fill(255);
    for (let y = 0; y < 16; y += 1) data.fill(0, y * 32 * 4, (y * 32 + 16) * 4); // left half black
    const { data: bytes } = jpeg.encode({ width: 32, height: 16, data }, 95);
    const turned = jpeg.decode(await bytesOf('image.thumbnail', withOrientation(bytes, 6)));
    expect([turned.width, turned.height]).toEqual([16, 32]);
    const at = (x: number, y: number): number => turned.data[(y * 16 + x) * 4] ?? -1;
    expect([at(8, 4) < 30, at(8, 28) > 225]).toEqual([true, true]); // 6: turned clockwise, so left is on top
  });

  it('finds how the camera was held behind fill bytes, and in a PNG', async () => {
    const data = new Uint8Array(32 * 16 * 4).fill(255);
    for (let y = 0; y < 16; y += 1) data.fill(0, y * 32 * 4, (y * 32 + 16) * 4); // left half black
    for (let at = 3; at < data.length; at += 4) data[at] = 255;
    const turned = withOrientation(jpeg.encode({ width: 32, height: 16, data }, 95).data, 6);
    const filled = new Uint8Array([0xff, 0xd8, 0xff, 0xff, 0xff, ...turned.subarray(2)]);
    expect(jpeg.decode(await bytesOf('image.thumbnail', filled))).toMatchObject({ width: 16, height: 32 });
    const png = new PNG({ width: 32, height: 16 });
    png.data.set(data);
    const upright = PNG.sync.read(Buffer.from(await bytesOf('image.thumbnail', withExifChunk(PNG.sync.write(png), 6))));
    expect([upright.width, upright.height]).toEqual([16, 32]);
    expect([upright.data[(4 * 16 + 8) * 4], upright.data[(28 * 16 + 8) * 4]]).toEqual([0, 255]);
  });

  it('takes no notice of what follows the end of a picture', async () => {
    const png = PNG.sync.write(new PNG({ width: 3, height: 2 }));
    expect(await bytesOf('image.thumbnail', new Uint8Array([...png, 10]))).toEqual(
      await bytesOf('image.thumbnail', new Uint8Array(png)),
    );
    const { data } = jpeg.encode({ width: 8, height: 8, data: new Uint8Array(256).fill(255) }, 95);
    expect(await bytesOf('image.thumbnail', new Uint8Array([...data, 10]))).toEqual(
      await bytesOf('image.thumbnail', new Uint8Array(data)),
    );
  });

  it('rejects for good, before it takes memory for it, a size that a picture cannot have', async () => {
    const broken = (size: string, bytes: number) => ({
      reason: 'HANDLER_REJECTED',
      code: 'IMAGE_BROKEN',
      message: `${size} pixels cannot be in ${bytes} bytes`,
      retryable: false,
    });
    expect(await failureOf('image.thumbnail', frameOnly(6_000, 6_000))).toMatchObject(broken('6000 x 6000', 23));
    expect(await failureOf('image.thumbnail', frameOnly(0, 6_000))).toMatchObject(broken('0 x 6000', 23));
    expect(await failureOf('image.thumbnail', frameOnly(9_000, 9_000))).toMatchObject({
      code: 'IMAGE_TOO_LARGE',
      message: 'more than 40 megapixels',
      retryable: false,
    });
    for (const [width, height] of [
      [0, 5],
      [5, 0],
      [6_000, 6_000],
    ] as const) {
      const png = new Uint8Array(PNG.sync.write(new PNG({ width: 1, height: 1 })));
      new DataView(png.buffer, png.byteOffset).setUint32(16, width);
      new DataView(png.buffer, png.byteOffset).setUint32(20, height);
      expect(await failureOf('image.thumbnail', png)).toMatchObject(broken(`${width} x ${height}`, png.byteLength));
    }
  });

  it('takes the plainest picture of its size', async () => {
    const png = new PNG({ width: 2_000, height: 2_000 });
    const plain = new Uint8Array(PNG.sync.write(png, { colorType: 0, deflateLevel: 9 }));
    const small = PNG.sync.read(Buffer.from(await bytesOf('image.thumbnail', plain)));
    expect([small.width, small.height]).toEqual([256, 256]);
  });

  it('rejects for good what is no picture, a broken one, and a file that is not there', async () => {
    expect(await failureOf('image.thumbnail', new Uint8Array(100))).toMatchObject({
      reason: 'HANDLER_REJECTED',
      code: 'NOT_AN_IMAGE',
      retryable: false,
    });
    const half = (await readFile(dataFile('seahorse-valley.jpg'))).subarray(0, 300);
    expect(await failureOf('image.thumbnail', half)).toMatchObject({ code: 'IMAGE_BROKEN', retryable: false });
    expect(await failureOf('image.thumbnail', { path: '/nowhere.jpg' })).toMatchObject({ code: 'FILE_UNREADABLE' });
    const huge = new Uint8Array(PNG.sync.write(new PNG({ width: 1, height: 1 })));
    new DataView(huge.buffer, huge.byteOffset).setUint32(16, 1_000_000);
    new DataView(huge.buffer, huge.byteOffset).setUint32(20, 1_000_000);
    expect(await failureOf('image.thumbnail', huge)).toMatchObject({ code: 'IMAGE_TOO_LARGE' });
  });
});

describe('csv.summarize', () => {
  it('summarizes the sample, from its bytes and from its path alike', async () => {
    const summary = await jsonOf('csv.summarize', await readFile(dataFile('sales.csv')));
    expect(summary).toEqual(await jsonOf('csv.summarize', { path: dataFile('sales.csv') }));
    expect(summary).toMatchObject({ rows: 600, raggedRows: 0 });
    const columns = summary['columns'] as Record<string, unknown>[];
    expect(columns.map(({ name, type }) => `${String(name)}: ${String(type)}`)).toEqual([
      'order: integer',
      'date: date',
      'shop: text',
      'article: text',
      'quantity: integer',
      'price: number',
      'gift: boolean',
      'remark: text',
    ]);
    expect(columns[0]).toMatchObject({ min: 10_001, max: 10_600, mean: 10_300.5, distinct: 600, empty: 0 });
    expect(columns[4]).toMatchObject({ min: 1, max: 4, distinct: 4 });
    const articles = (columns[3]?.['top'] as { value: string; count: number }[]).map(({ value }) => value);
    expect(articles).toContain('Lamp, "Aurora"');
    const remark = columns[7] as { count: number; empty: number };
    expect(remark.count + remark.empty).toBe(600);
  });

  it('follows RFC 4180 wherever the pieces are cut', async () => {
    const text = '\uFEFFa,b\r\n"x ""y"", z","1\r\n2"\n\n"",7\nlast,"8"';
    const summary = await jsonOf('csv.summarize', new TextEncoder().encode(text));
    expect(summary).toMatchObject({ rows: 3, raggedRows: 0 });
    const [a, b] = summary['columns'] as Record<string, unknown>[];
    expect(a).toMatchObject({ name: 'a', count: 2, empty: 1, min: 'last', max: 'x "y", z' });
    expect(b).toMatchObject({ name: 'b', type: 'text', count: 3 });
  });

  it('computes mean and deviation exactly, skipping what is empty', async () => {
    const path = join(dir, 'numbers.tsv');
    await writeFile(path, '2\tx\n4\n4\tx\n4\tx\n5\tx\n5\tx\n7\tx\n9\tx\n\tx\n');
    const summary = await jsonOf('csv.summarize', { path, delimiter: '\t', header: false });
    expect(summary).toMatchObject({ rows: 9, raggedRows: 1 });
    expect((summary['columns'] as unknown[])[0]).toMatchObject({
      name: 'column 1',
      type: 'integer',
      count: 8,
      empty: 1,
      mean: 5,
      stddev: 2,
      top: expect.arrayContaining([{ value: '4', count: 3 }]) as unknown,
    });
  });

  it('keeps as text what is not the same as a number, and what is in no calendar', async () => {
    const text = 'article,id,day,price\n888E010010,1970670598291982290,2027-13-45,12.50\n12E5,17,2027-02-28,1.5E-05\n';
    const { columns } = await jsonOf('csv.summarize', new TextEncoder().encode(text));
    expect(columns).toMatchObject([
      { type: 'text', min: '12E5', max: '888E010010', mean: null },
      { type: 'text', min: '17', max: '1970670598291982290', mean: null },
      { type: 'text', min: '2027-02-28', max: '2027-13-45' },
      { type: 'number', min: 1.5e-5, max: 12.5 },
    ]);
  });

  it('streams a large file in bounded memory, and reports progress', async () => {
    const path = join(dir, 'large.csv');
    const file = await open(path, 'w');
    const block = Array.from({ length: 20_000 }, (_, row) => `${row},"name, ${row}",${row / 7}\n`).join('');
    await file.write('id,name,value\n');
    for (let part = 0; part < 40; part += 1) await file.write(block);
    await file.close();
    const run = pool.run('csv.summarize', { path });
    const { outcome } = await run.ended;
    expect(outcome.kind).toBe('succeeded');
    expect(run.progress.length).toBeGreaterThan(0);
    expect(run.progress.at(-1)).toEqual({ fraction: 1, note: '800000 rows' });
  });

  it('rejects a quote that does not end, naming the row', async () => {
    expect(await failureOf('csv.summarize', new TextEncoder().encode('a\n1\n"2\n3\n'))).toMatchObject({
      reason: 'HANDLER_REJECTED',
      code: 'CSV_UNCLOSED_QUOTE',
      message: 'row 3: a quoted field does not end',
      retryable: false,
    });
  });

  it('says what is wrong with its options', async () => {
    const failure = await failureOf('csv.summarize', { path: 'x.csv', delimiter: '||' });
    expect(failure).toMatchObject({ reason: 'INVALID_INPUT', retryable: false });
    expect(failure.message).toContain('input.delimiter: one character');
    expect(await failureOf('csv.summarize', { path: dir })).toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});

describe('fractal.render', () => {
  it('renders the set: black inside, coloured outside, mirrored at the real axis', async () => {
    const bytes = await bytesOf('fractal.render', { width: 90, height: 60, maxIterations: 200 });
    const png = PNG.sync.read(Buffer.from(bytes));
    expect([png.width, png.height]).toEqual([90, 60]);
    const at = (x: number, y: number): number[] => [...png.data.subarray((y * 90 + x) * 4, (y * 90 + x) * 4 + 3)];
    expect(at(60, 30)).toEqual([0, 0, 0]); // 0.27 - 0.02i
    expect(at(2, 2)).not.toEqual([0, 0, 0]);
    for (let x = 0; x < 90; x += 7) expect(at(x, 10)).toEqual(at(x, 49));
  });

  it('shows its progress row by row and stops when asked', async () => {
    const run = pool.run('fractal.render', { x: 0, scale: 0.01, width: 2_000, height: 2_000, maxIterations: 50_000 });
    await eventually('progress is seen', () => run.progress.some(({ note }) => note.startsWith('row ')), 20_000);
    pool.pool.cancel(run.runId);
    expect((await run.ended).outcome).toEqual({ kind: 'stopped' });
  });

  it('refuses a tile it cannot render, naming the field', async () => {
    const failure = await failureOf('fractal.render', { width: 100_000 });
    expect(failure).toMatchObject({ reason: 'INVALID_INPUT', retryable: false });
    expect(failure.message).toMatch(/^input\.width: /);
  });
});

/** Mean over all pixels and colours, as light rather than as code values. */
function meanLight(rgba: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < rgba.length; at += 4) {
    for (let channel = 0; channel < 3; channel += 1) sum += ((rgba[at + channel] ?? 0) / 255) ** 2.2;
  }
  return sum / rgba.length;
}

/** EXIF data that holds nothing but the orientation. */
function exifOf(orientation: number): readonly number[] {
  return [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
}

function withOrientation(bytes: Uint8Array, orientation: number): Uint8Array {
  const exif = [0x45, 0x78, 0x69, 0x66, 0, 0, ...exifOf(orientation)];
  return new Uint8Array([0xff, 0xd8, 0xff, 0xe1, 0, exif.length + 2, ...exif, ...bytes.subarray(2)]);
}

/** The same PNG with a chunk `eXIf` behind its header, which is 33 bytes with the signature. */
function withExifChunk(png: Uint8Array, orientation: number): Uint8Array {
  const chunk = Buffer.from([...Buffer.from('eXIf'), ...exifOf(orientation)]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(chunk.byteLength - 4);
  frame.writeUInt32BE(crc32(chunk), 4);
  const [length, sum] = [frame.subarray(0, 4), frame.subarray(4)];
  return new Uint8Array(Buffer.concat([png.subarray(0, 33), length, chunk, sum, png.subarray(33)]));
}

/** A JPEG of 23 bytes: the header of a frame, and nothing in it. */
function frameOnly(width: number, height: number): Uint8Array {
  const [h, w] = [height, width].map((edge) => [edge >> 8, edge & 0xff]);
  const components = [1, 2, 3].flatMap((id) => [id, 0x11, 0]);
  return new Uint8Array([0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, ...(h ?? []), ...(w ?? []), 3, ...components, 0xff, 0xd9]);
}
