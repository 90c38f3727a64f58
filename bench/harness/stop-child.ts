/** Stops a child process in order, and by force if it takes too long. Resolves once `ended` has. */
import type { ChildProcess } from 'node:child_process';

export async function stopChild(child: ChildProcess, ended: Promise<void>, timeoutMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  await ended;
  clearTimeout(timer);
}
