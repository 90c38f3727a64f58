/**
 * What many cold jobs share, each kept once and by a number. A shape is forgotten with its last job, and its number is
 * used again.
 */
import { given } from '../../../domain/given.ts';
import type { Priority } from '../../../domain/priority.ts';
import type { NeedTally, QueueIndex } from './queue-index.ts';
import type { AllocatedBytes } from './slot-list.ts';

export interface ColdShape {
  readonly index: QueueIndex;
  readonly tally: NeedTally;
  readonly queueNo: number;
  /** As it was stated. Undefined: the default. */
  readonly priority?: Priority;
  readonly fairnessKey?: string;
  readonly concurrencyKey?: string;
}

interface CountedShape {
  readonly shape: ColdShape;
  readonly text: string;
  readonly no: number;
  jobs: number;
}

/** A shape and its entry in the maps, besides its texts. */
const shapeBytes = 250;

export class ColdShapes {
  readonly #bytes: AllocatedBytes;
  readonly #byText = new Map<QueueIndex, Map<NeedTally, Map<string, CountedShape>>>();
  #byNo: (CountedShape | undefined)[] = [];
  #vacant: number[] = [];
  #size = 0;
  /** The shape of the job that came last. The next job is often like it. */
  #last: CountedShape | undefined;

  constructor(bytes: AllocatedBytes) {
    this.#bytes = bytes;
  }

  /** How many are known. */
  get size(): number {
    return this.#size;
  }

  /** Counts a job of this shape. Returns the number of the shape. */
  add(shape: ColdShape): number {
    const known = this.#last !== undefined && isSame(this.#last.shape, shape) ? this.#last : this.#find(shape);
    known.jobs += 1;
    this.#last = known;
    return known.no;
  }

  of(no: number): ColdShape {
    return this.#known(no).shape;
  }

  /** A job of this shape has left. */
  remove(no: number): void {
    const known = this.#known(no);
    known.jobs -= 1;
    if (known.jobs === 0) this.#forget(known);
  }

  #known(no: number): CountedShape {
    const known = this.#byNo[no];
    if (known === undefined) throw new Error(`no shape ${no}`);
    return known;
  }

  #find(shape: ColdShape): CountedShape {
    const text = textOf(shape);
    const known = this.#byText.get(shape.index)?.get(shape.tally)?.get(text);
    return known ?? this.#learn(shape, text);
  }

  #learn(shape: ColdShape, text: string): CountedShape {
    const { index, tally, queueNo, priority, fairnessKey, concurrencyKey } = shape;
    const own = { index, tally, queueNo, ...given({ priority, fairnessKey, concurrencyKey }) };
    const known = { shape: own, text, no: this.#vacant.pop() ?? this.#byNo.length, jobs: 0 };
    const ofIndex = this.#byText.get(index) ?? new Map<NeedTally, Map<string, CountedShape>>();
    const ofTally = ofIndex.get(tally) ?? new Map<string, CountedShape>();
    this.#byText.set(index, ofIndex.set(tally, ofTally.set(text, known)));
    this.#byNo[known.no] = known;
    this.#size += 1;
    this.#bytes.total += shapeBytes + 2 * text.length;
    return known;
  }

  #forget(known: CountedShape): void {
    const { index, tally } = known.shape;
    const ofIndex = this.#byText.get(index);
    const ofTally = ofIndex?.get(tally);
    ofTally?.delete(known.text);
    if (ofTally?.size === 0) ofIndex?.delete(tally);
    if (ofIndex?.size === 0) this.#byText.delete(index);
    if (this.#last === known) this.#last = undefined;
    this.#byNo[known.no] = undefined;
    this.#vacant.push(known.no);
    this.#size -= 1;
    this.#bytes.total -= shapeBytes + 2 * known.text.length;
    if (this.#size === 0) [this.#byNo, this.#vacant] = [[], []];
  }
}

function isSame(one: ColdShape, other: ColdShape): boolean {
  return (
    one.tally === other.tally &&
    one.fairnessKey === other.fairnessKey &&
    one.concurrencyKey === other.concurrencyKey &&
    one.priority === other.priority &&
    one.queueNo === other.queueNo &&
    one.index === other.index
  );
}

/** Different for different shapes of one tally: it says how long the first key is, and which keys there are. */
function textOf({ queueNo, priority, fairnessKey, concurrencyKey }: ColdShape): string {
  const lengths = `${fairnessKey?.length ?? ''}${concurrencyKey === undefined ? '-' : '+'}`;
  return `${queueNo},${priority ?? ''},${lengths}${fairnessKey ?? ''}${concurrencyKey ?? ''}`;
}
