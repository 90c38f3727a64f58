/** Shows the progress of an operation on many jobs. */
import type { BulkProgress } from '../../client/index.ts';
import type { CommandContext } from './command-context.ts';
import { explainError } from '../errors/explain-error.ts';
import { exitCodes } from '../errors/exit-code.ts';
import { documentLine } from '../text/job-document.ts';

/** Resolves to exit code 5 if any job was refused. */
export async function followBulk(
  context: CommandContext,
  steps: AsyncIterable<BulkProgress>,
  said: { readonly what: string; readonly isJson: boolean },
): Promise<number> {
  const { terminal } = context;
  const erase = (): void => {
    if (!said.isJson && terminal.isErrTerminal) terminal.drawErr('\r\u001B[K');
  };
  let done = 0;
  let refused = 0;
  for await (const step of steps) {
    done += step.done;
    refused += step.refused;
    if (step.failures.length > 0) erase();
    for (const { jobId, error } of step.failures) terminal.err(`troupe: ${jobId}: ${explainError(error)}\n`);
    if (!said.isJson && terminal.isErrTerminal) terminal.drawErr(`${done} ${said.what}, ${refused} refused ...\r`);
  }
  erase();
  terminal.out(said.isJson ? documentLine({ done, refused }) : `${done} ${said.what}, ${refused} refused\n`);
  return refused === 0 ? exitCodes.ok : exitCodes.refused;
}
