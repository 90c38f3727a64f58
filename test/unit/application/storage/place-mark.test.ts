import { beforeEach, describe, expect, it } from 'vitest';
import { type MarkedPlace, PlaceMark } from '../../../../src/application/storage/place-mark.ts';

/** A folder or a bucket, as far as its mark goes. */
class Place implements MarkedPlace {
  readonly where = 'the shelf';
  readonly markAt = 'the shelf/cluster-id';
  text: string | undefined;
  beforeWrite: () => void = () => undefined;
  afterWrite: () => void = () => undefined;
  writes = 0;

  async readMark(): Promise<Uint8Array | undefined> {
    return this.text === undefined ? undefined : Buffer.from(this.text);
  }

  async writeMark(bytes: Uint8Array): Promise<void> {
    this.beforeWrite();
    this.text = Buffer.from(bytes).toString();
    this.writes += 1;
    this.afterWrite();
  }
}

describe('the mark of the place of large payloads', () => {
  let place: Place;
  let noted: boolean;
  let notesFail: boolean;
  const objectsMark = {
    isNoted: async () => noted,
    async note() {
      if (notesFail) throw new Error('the store is away');
      noted = true;
    },
  };
  const markOf = (at: Place, clusterId = 'mine'): PlaceMark => new PlaceMark(at, clusterId, objectsMark);

  beforeEach(() => {
    place = new Place();
    [noted, notesFail] = [false, false];
  });

  it('is written at the first use, and noted', async () => {
    const mark = markOf(place);
    await expect(mark.confirm()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await mark.isOurs()).toBe(false);
    await mark.ensure();
    expect([place.text, noted, await mark.isOurs()]).toEqual(['mine\n', true, true]);
    await Promise.all([mark.ensure(), mark.confirm(), markOf(place).ensure()]);
    expect(place.writes).toBe(1);
  });

  it('is noted once: who finds it noted writes nothing to the store', async () => {
    await markOf(place).ensure();
    notesFail = true;
    await markOf(place).ensure();
  });

  it('is not written to a second place, whatever is there', async () => {
    await markOf(place).ensure();
    const other = new Place();
    const message =
      'the shelf: it is not the one that this cluster has used: the shelf/cluster-id is not there. Bring that one back, or ' +
      'copy all of it here. If it is lost for good, write mine to the shelf/cluster-id: then what was in it counts as missing';
    for (const attempt of ['ensure', 'confirm'] as const)
      await expect(markOf(other)[attempt]()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message });
    // Created, and nothing written to it: a crash of somebody who wrote it by hand.
    other.text = '\n';
    await expect(markOf(other).ensure()).rejects.toMatchObject({ message });
    other.text = 'mine';
    await markOf(other).ensure();
    expect(other.writes).toBe(0);
  });

  it('of another cluster is left as it is, and named', async () => {
    place.text = 'theirs\n';
    for (const attempt of ['ensure', 'confirm'] as const)
      await expect(markOf(place)[attempt]()).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringContaining('the shelf: another cluster uses it, as the shelf/cluster-id says') as string,
      });
    expect([place.text, noted]).toEqual(['theirs\n', false]);
  });

  it.each(['before', 'after'])('survives a crash %s it is written', async (when) => {
    const crash = (): never => {
      throw new Error('killed');
    };
    if (when === 'before') place.beforeWrite = crash;
    else place.afterWrite = crash;
    await expect(markOf(place).ensure()).rejects.toThrow('killed');
    expect(noted).toBe(false);
    [place.beforeWrite, place.afterWrite] = [() => undefined, () => undefined];
    await markOf(place).ensure();
    expect([place.text, noted]).toEqual(['mine\n', true]);
  });

  it('comes before the note, and the note before the first payload', async () => {
    notesFail = true;
    const mark = markOf(place);
    for (let n = 0; n < 2; n += 1) await expect(mark.ensure()).rejects.toThrow('the store is away');
    expect(place.text).toBe('mine\n');
    notesFail = false;
    await mark.ensure();
    expect(noted).toBe(true);
  });

  it('of whoever came last counts when two clusters mark a place at once: the other one writes nothing', async () => {
    place.afterWrite = () => {
      place.text = 'theirs\n';
    };
    await expect(markOf(place).ensure()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(noted).toBe(false);
  });
});
