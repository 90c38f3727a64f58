/** The parent's side of a profile: it checks the request and assembles the parts. A cell records one at a time. */
import { profileMaxBytes, profileMaxMs, profileMinMs } from '../../../application/ports/run-pool.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { ProfileEvent } from '../protocol/cell-frames.ts';

export function checkProfile(durationMs: number): void {
  if (!(durationMs >= profileMinMs && durationMs <= profileMaxMs)) {
    const description = `must be ${profileMinMs} to ${profileMaxMs} ms, not ${durationMs}`;
    throw new TroupeError('INVALID_ARGUMENT', {
      message: `duration: ${description}`,
      violations: [{ field: 'duration', description }],
    });
  }
}

export class CellProfiles {
  #runId: string | undefined;
  #parts: string[] = [];
  #pending = Promise.withResolvers<string>();

  /** Resolves with the profile that is requested next. Throws PROFILE_BUSY. */
  begin(runId: string): Promise<string> {
    if (this.#runId !== undefined) throw new TroupeError('PROFILE_BUSY');
    this.#runId = runId;
    this.#parts = [];
    this.#pending = Promise.withResolvers<string>();
    return this.#pending.promise;
  }

  hear(event: ProfileEvent): void {
    if (event.runId !== this.#runId) return;
    switch (event.kind) {
      case 'profile-part':
        this.#parts.push(event.text);
        if (!event.last) return;
        this.#runId = undefined;
        this.#pending.resolve(this.#parts.join(''));
        return;
      case 'profile-failed':
        this.#fail(event.why === 'too-large' ? tooLarge() : runGone());
    }
  }

  /** Call this when the cell is gone. */
  abandon(): void {
    if (this.#runId !== undefined) this.#fail(runGone());
  }

  #fail(error: TroupeError): void {
    this.#runId = undefined;
    this.#pending.reject(error);
  }
}

function runGone(): TroupeError {
  return new TroupeError('RUN_NOT_FOUND', { message: 'the run ended before its profile could be read' });
}

function tooLarge(): TroupeError {
  const description = `the profile has more than ${profileMaxBytes} bytes; profile for a shorter time`;
  return new TroupeError('PAYLOAD_TOO_LARGE', {
    message: description,
    violations: [{ field: 'duration', description }],
  });
}
