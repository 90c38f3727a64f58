/** What really ran, written by the handlers themselves: one line per start and end, in a file that outlives any process. */
import { appendFileSync, existsSync } from 'node:fs';
import type { HandlerContext } from 'troupe/handlers';

export function note(ledger: string, ctx: HandlerContext, what: 'start' | 'end' | 'stopped'): void {
  const line = { what, jobId: ctx.jobId, attempt: ctx.attempt, pid: process.pid, atMs: Date.now() };
  appendFileSync(ledger, `${JSON.stringify(line)}\n`);
}

/** Until the file is there; looks whether it should stop. */
export async function untilOpen(gate: string, ctx: HandlerContext): Promise<void> {
  while (!existsSync(gate)) {
    ctx.throwIfCancelled();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
