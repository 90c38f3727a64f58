/**
 * The program that the provisioners of the stack `local` run: `main.ts start|stop|sweep`. The variable LOCAL_PROCESS
 * holds the process (for `sweep`, the data folder), because a variable needs no quoting. It logs what it does and exits
 * with code 1 on failure.
 */
import { deployedProcessSchema } from './process-spec.ts';
import { startProcess } from './start-process.ts';
import { stopProcess } from './stop-process.ts';
import { sweep } from './sweep.ts';

const say = (line: string): void => {
  console.log(line);
};

async function run(verb: string, subject: string): Promise<void> {
  if (verb === 'sweep') return sweep(subject, say);
  const deployed = deployedProcessSchema.parse(JSON.parse(subject));
  if (verb === 'stop') return stopProcess(deployed.spec, say);
  if (verb !== 'start') throw new Error(`unknown command '${verb}'`);
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  return startProcess(deployed, { say, signal: stop.signal, environment: process.env });
}

try {
  await run(process.argv[2] ?? '', process.env['LOCAL_PROCESS'] ?? '');
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
