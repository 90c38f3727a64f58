/**
 * Stops a process reliably. A signal takes effect after a delay: until every thread has stopped, the process may still
 * answer.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { eventually } from './eventually.ts';

export async function stopProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await eventually(() => statesOf(pid).every((state) => state === 'T'));
}

function statesOf(pid: number): readonly string[] {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks))
    return [
      spawnSync('ps', ['-o', 'state=', '-p', String(pid)])
        .stdout.toString()
        .slice(0, 1),
    ];
  // The state follows the name, which may contain anything but ends at the last parenthesis.
  return readdirSync(tasks).map((task) => {
    try {
      return readFileSync(`${tasks}/${task}/stat`, 'utf8').split(') ').at(-1)?.[0] ?? '';
    } catch {
      // The thread ended meanwhile, so its process was not stopped yet.
      return '';
    }
  });
}
