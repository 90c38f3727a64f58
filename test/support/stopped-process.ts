/**
 * Stops a process reliably. A signal takes effect after a delay: until every thread has stopped, the process may still
 * answer.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { eventually } from './nats.ts';

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
  return readdirSync(tasks).map((task) => readFileSync(`${tasks}/${task}/stat`, 'utf8').split(') ').at(-1)?.[0] ?? '');
}
