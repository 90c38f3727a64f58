/**
 * What a cell grants the runs of each handler: a grace period to stop in, and a heap. Refuses handlers that need more
 * heap than the node allows.
 */
import type { HandlerManifest } from '../../../domain/handler-manifest.ts';
import { memoryClassOf, nextMemoryClass } from '../../../domain/memory-class.ts';
import type { CellSetup, HandlerProblem, LoadedHandler } from '../protocol/cell-frames.ts';

export class HandlerLimits {
  readonly #setup: Pick<CellSetup, 'memory' | 'cancelGraceMs'>;
  readonly #manifests: ReadonlyMap<string, HandlerManifest>;

  constructor(setup: Pick<CellSetup, 'memory' | 'cancelGraceMs'>, handlers: readonly LoadedHandler[]) {
    this.#setup = setup;
    this.#manifests = new Map(handlers.map(({ manifest }) => [manifest.name, manifest]));
  }

  graceMs(handler: string): number {
    return this.#manifests.get(handler)?.cancelGraceMs ?? this.#setup.cancelGraceMs;
  }

  /** The memory class of a run. `leastMb` is what its job was found to need. */
  memoryMb(handler: string, leastMb: number | undefined): number {
    const ownMb = memoryClassOf(this.#manifests.get(handler)?.memoryMb, this.#setup.memory);
    return leastMb === undefined ? ownMb : Math.max(ownMb, memoryClassOf(leastMb, this.#setup.memory));
  }

  /**
   * The memory class for another attempt after one ran out of memory in this class. Undefined unless the handler allows
   * a larger class and the node has one.
   */
  nextMemoryMb(handler: string, memoryMb: number): number | undefined {
    const upToMb = this.#manifests.get(handler)?.memoryMaxMb;
    return upToMb === undefined ? undefined : nextMemoryClass(memoryMb, upToMb, this.#setup.memory);
  }
}

export function problemOfMemory({ url, manifest }: LoadedHandler, maxMb: number): HandlerProblem | undefined {
  const neededMb = manifest.memoryMb ?? 0;
  if (neededMb <= maxMb) return undefined;
  const reason = `memory: "${manifest.name}" asks for ${neededMb} MiB, workers.memoryMaxMb of this node is ${maxMb}`;
  return { url, reason };
}
