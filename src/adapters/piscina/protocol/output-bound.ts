/**
 * What a run may return: looked at in its thread, so that more is never copied, and once more in its cell, where none of its
 * code runs. Nothing larger comes to the node, whose memory is that of the whole cluster.
 */
import type { RunPayload } from '../../../domain/attempt-outcome.ts';
import type { HandlerOutcome } from '../../../handlers/execution.ts';

export function boundedOutput(outcome: HandlerOutcome, maxBytes: number): HandlerOutcome {
  if (outcome.kind !== 'succeeded' || outcome.output === undefined || fits(outcome.output, maxBytes)) return outcome;
  const message = `the output has ${outputBytes(outcome.output)} bytes, at most ${maxBytes} are allowed`;
  return { kind: 'failed', retryable: false, failure: { reason: 'INVALID_OUTPUT', message } };
}

/** A character has at most three bytes: what is short need not be counted. */
function fits(output: RunPayload, maxBytes: number): boolean {
  return (output.kind === 'json' && 3 * output.json.length <= maxBytes) || outputBytes(output) <= maxBytes;
}

export function outputBytes(output: RunPayload): number {
  return output.kind === 'json' ? Buffer.byteLength(output.json) : output.bytes.byteLength;
}
