/**
 * On SIGUSR1 Node opens its inspector on a port of this machine, and whoever reaches the port reads all that the process
 * has, credentials included. Handlers run under the same user as a rule, and may send the signal. So a process that has
 * cells does not listen to it. To debug a node, start it with `--inspect`.
 */
let isIgnored = false;

export function ignoreDebugSignal(): void {
  if (isIgnored) return;
  isIgnored = true;
  process.on('SIGUSR1', () => undefined);
}
