/**
 * Takes secrets out of the texts of runs, where they enter this process: those that the run has read, and those that others
 * have read in the same process before, since a client that one run has made may serve the next. Outputs and checkpoints
 * stay as they are.
 */
import type { RunEvent, RunOutcome } from '../../../application/ports/run-pool.ts';
import { type Failure, failureMaxChars } from '../../../domain/job.ts';
import { given } from '../../../domain/given.ts';
import type { SecretMask } from '../../../domain/secret-mask.ts';
import type { CellEvent } from '../protocol/cell-frames.ts';
import { noteMaxChars, progressMaxChars } from '../protocol/thread-messages.ts';

export function maskedCellEvent(mask: SecretMask, event: CellEvent): CellEvent {
  if (event.kind === 'stuck') return { ...event, outcome: maskedOutcome(mask, event.outcome) };
  const hasText = event.kind === 'log' || event.kind === 'progress' || event.kind === 'ended';
  return hasText ? maskedEvent(mask, event) : event;
}

export function maskedEvent(mask: SecretMask, event: RunEvent): RunEvent {
  if (mask.isEmpty) return event;
  switch (event.kind) {
    case 'log':
      return { ...event, text: mask.text(event.text, noteMaxChars) };
    case 'progress':
      return { ...event, note: mask.text(event.note, progressMaxChars) };
    case 'ended':
      return { ...event, outcome: maskedOutcome(mask, event.outcome) };
    case 'started':
    case 'checkpoint':
      return event;
  }
}

export function maskedOutcome(mask: SecretMask, outcome: RunOutcome): RunOutcome {
  return outcome.kind === 'failed' && !mask.isEmpty
    ? { ...outcome, failure: maskedFailure(mask, outcome.failure) }
    : outcome;
}

function maskedFailure(mask: SecretMask, { message, code, causes, stack, ...rest }: Failure): Failure {
  const cut = (text: string | undefined, part: keyof typeof failureMaxChars): string | undefined =>
    text === undefined ? undefined : mask.text(text, failureMaxChars[part]);
  return {
    ...rest,
    message: mask.text(message, failureMaxChars.message),
    ...given({
      code: cut(code, 'code'),
      stack: cut(stack, 'stack'),
      causes: causes?.map((cause) => ({
        message: mask.text(cause.message, failureMaxChars.causeMessage),
        ...given({ code: cut(cause.code, 'code') }),
      })),
    }),
  };
}
