/**
 * Records which attempts really ran. The handlers append a line at each start and end to a file that outlives any
 * process.
 */
import { appendFileSync, existsSync } from 'node:fs';
import type { HandlerContext } from 'troupe/handlers';

export function note(ledger: string, ctx: HandlerContext, what: 'start' | 'end' | 'stopped'): void {
  const line = { what, jobId: ctx.jobId, attempt: ctx.attempt, pid: process.pid, atMs: Date.now() };
  appendFileSync(ledger, `${JSON.stringify(line)}\n`);
}

/** Waits until the file exists. Throws if the attempt is cancelled. */
export async function untilOpen(gate: string, ctx: HandlerContext): Promise<void> {
  while (!existsSync(gate)) {
    ctx.throwIfCancelled();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
