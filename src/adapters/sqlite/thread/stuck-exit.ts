/**
 * Lets the process end although one of its threads never returns. `process.exit` waits for every thread, so the process
 * becomes another program at its last step, one that ends at once with the same exit code.
 */
export function endDespiteThread(): void {
  process.once('exit', (code) => {
    process.execve?.(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
    process.kill(process.pid, 'SIGKILL');
  });
}
