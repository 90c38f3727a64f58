/**
 * Finished profiles that wait to be fetched in parts, because the broker transfers at most one MiB at a time. It keeps
 * at most `profilesKept`, each for at most `profileKeptMs`.
 */
import { profileKeptMs, profilePartBytes } from '../../application/ports/node-protocol.ts';
import { TroupeError } from '../../domain/errors.ts';

export const profilesKept = 2;

interface Kept {
  readonly bytes: Buffer;
  readonly untilMs: number;
}

export class ProfileStore {
  readonly #monotonicMs: () => number;
  readonly #kept = new Map<string, Kept>();
  #lastId = 0;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Stores a profile for fetching. The oldest is dropped if there are too many. */
  keep(profile: string): { readonly profileId: string; readonly parts: number } {
    this.expire();
    const oldest = this.#kept.keys().next();
    if (this.#kept.size >= profilesKept && oldest.done !== true) this.#kept.delete(oldest.value);
    this.#lastId += 1;
    const profileId = String(this.#lastId);
    const bytes = Buffer.from(profile);
    this.#kept.set(profileId, { bytes, untilMs: this.#monotonicMs() + profileKeptMs });
    return { profileId, parts: Math.max(1, Math.ceil(bytes.length / profilePartBytes)) };
  }

  /** Fetching the last part removes the profile. */
  part(profileId: string, part: number): { readonly base64: string } {
    this.expire();
    const kept = this.#kept.get(profileId);
    const from = part * profilePartBytes;
    if (kept === undefined || from > kept.bytes.length) {
      throw new TroupeError('RUN_NOT_FOUND', { message: 'the profile is no longer kept; record it again' });
    }
    if (from + profilePartBytes >= kept.bytes.length) this.#kept.delete(profileId);
    return { base64: kept.bytes.subarray(from, from + profilePartBytes).toString('base64') };
  }

  expire(): void {
    const nowMs = this.#monotonicMs();
    for (const [id, { untilMs }] of this.#kept) if (untilMs <= nowMs) this.#kept.delete(id);
  }
}
