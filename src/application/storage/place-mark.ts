/**
 * The mark of the place where the large payloads of a cluster lie: a small file, or object, with the id of the cluster. It
 * is written at the first use, and then the store of the jobs notes that there is one. From then on a place without it is
 * another place: a disk that is not mounted, another folder, another bucket. Nothing is written there, nothing is erased
 * there, and nothing that is not found there is taken for missing.
 *
 * Every process of a cluster writes the same mark, so it does not matter which of them comes first. The mark comes before
 * the note, and the note before the first payload: a crash in between leaves a place that is marked again, or noted later.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { ObjectsMark } from '../ports/store.ts';

/** Not the name of an hour, so that no sweep and no list of payloads sees it. */
export const markName = 'cluster-id';
/** More than a mark has. */
export const markMaxBytes = 256;

export interface MarkedPlace {
  /** For people: which folder or bucket this is. */
  readonly where: string;
  /** For people: the file or object of the mark. */
  readonly markAt: string;
  /** Undefined if there is none. At most `markMaxBytes` of it. */
  readMark(): Promise<Uint8Array | undefined>;
  /** Durable when it resolves. Replaces one that is there. */
  writeMark(bytes: Uint8Array): Promise<void>;
}

/** Of whom a place is. `other`: there is a mark, and not this cluster's. */
type Finding = 'ours' | 'none' | 'other';

export class PlaceMark {
  readonly #place: MarkedPlace;
  readonly #clusterId: string;
  readonly #noted: ObjectsMark;
  #isNoted = false;

  constructor(place: MarkedPlace, clusterId: string, noted: ObjectsMark) {
    this.#place = place;
    this.#clusterId = clusterId;
    this.#noted = noted;
  }

  /** Call it before something is written. Marks the place if the cluster has none yet. */
  async ensure(): Promise<void> {
    let found = await this.#find();
    if (found === 'none' && !(await this.#noted.isNoted())) {
      await this.#place.writeMark(Buffer.from(`${this.#clusterId}\n`));
      // Another cluster may have had the same thought about the same place.
      found = await this.#find();
    }
    if (found !== 'ours') throw this.#refusal(found);
    if (this.#isNoted) return;
    // Who reads that it is noted need not be able to write.
    if (!(await this.#noted.isNoted())) await this.#noted.note();
    this.#isNoted = true;
  }

  /** Call it before something counts as missing, or is removed. */
  async confirm(): Promise<void> {
    const found = await this.#find();
    if (found !== 'ours') throw this.#refusal(found);
  }

  async isOurs(): Promise<boolean> {
    return (await this.#find()) === 'ours';
  }

  async #find(): Promise<Finding> {
    const bytes = await this.#place.readMark();
    const text = bytes === undefined ? '' : Buffer.from(bytes).toString().trim();
    // An empty one was not written to its end.
    if (text === '') return 'none';
    return text === this.#clusterId ? 'ours' : 'other';
  }

  #refusal(found: 'none' | 'other'): TroupeError {
    const { where, markAt } = this.#place;
    const said =
      found === 'other'
        ? `another cluster uses it, as ${markAt} says: this one is ${this.#clusterId}; give each a place of its own, or empty it if that cluster is no more`
        : `it is not the one that this cluster has used: ${markAt} is not there. Bring that one back, or copy all of it ` +
          `here. If it is lost for good, write ${this.#clusterId} to ${markAt}: then what was in it counts as missing`;
    return new TroupeError('STORE_UNAVAILABLE', { message: `${where}: ${said}`, metadata: { objectsMark: found } });
  }
}

/** Whether the place itself is wrong, and not only out of reach. */
export function isWrongPlace(error: unknown): boolean {
  return error instanceof TroupeError && error.metadata['objectsMark'] !== undefined;
}
