/**
 * Limits what a run may return. The thread checks the output first, so that a larger one is never copied. The cell
 * checks it again, because none of the handler's code runs there. Nothing larger reaches the node process, whose memory
 * serves the whole cluster.
 */
import type { RunOutput, RunPayload } from '../../../domain/attempt-outcome.ts';
import type { HandlerOutcome } from '../../../handlers/handler-outcome.ts';

export function boundedOutput(outcome: HandlerOutcome, maxBytes: number): HandlerOutcome {
  if (outcome.kind !== 'succeeded') return outcome;
  const { output } = outcome;
  // A streamed one is bounded where it is stored.
  if (output === undefined || output.kind === 'streamed' || fits(output, maxBytes)) return outcome;
  const message = `the output has ${outputBytes(output)} bytes, at most ${maxBytes} are allowed: give a larger one with ctx.output.stream()`;
  return { kind: 'failed', retryable: false, failure: { reason: 'INVALID_OUTPUT', message } };
}

/** A character has at most three bytes, so a short text need not be measured. */
function fits(output: RunPayload, maxBytes: number): boolean {
  return (output.kind === 'json' && 3 * output.json.length <= maxBytes) || outputBytes(output) <= maxBytes;
}

/** What it takes up in memory. */
export function outputBytes(output: RunOutput): number {
  if (output.kind === 'streamed') return 0;
  return output.kind === 'json' ? Buffer.byteLength(output.json) : output.bytes.byteLength;
}
