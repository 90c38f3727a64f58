/** One thing done to each of several jobs: one that cannot be done is told of with its id, and the others are done all the same. */
import { TroupeClientError } from '../client/index.ts';
import type { CommandContext, Session } from './command-context.ts';
import { errorDocument, explainError } from './explain-error.ts';
import { exitCodeOf, exitCodes } from './exit-code.ts';
import { documentLine } from './job-document.ts';

/** Whether the next job may fare better: not when the cluster does not answer, or nobody wants the answer. */
export function isOfOneJob(error: unknown): error is TroupeClientError {
  if (!(error instanceof TroupeClientError)) return false;
  const code = exitCodeOf(error);
  return code !== exitCodes.unreachable && code !== exitCodes.interrupted;
}

export function tellOfJob(
  { terminal }: CommandContext,
  { isJson }: Pick<Session, 'isJson'>,
  id: string,
  error: unknown,
): void {
  terminal.err(
    isJson ? documentLine({ jobId: id, ...errorDocument(error) }) : `troupe: ${id}: ${explainError(error)}\n`,
  );
}

/** The exit code of the first that failed, else 0. Of one job alone the error is thrown as it is. */
export async function eachJob(
  context: CommandContext,
  session: Session,
  ids: readonly string[],
  work: (id: string) => Promise<void>,
): Promise<number> {
  let code: number = exitCodes.ok;
  for (const id of ids) {
    try {
      await work(id);
    } catch (error) {
      if (ids.length === 1 || !isOfOneJob(error)) throw error;
      if (code === exitCodes.ok) code = exitCodeOf(error);
      tellOfJob(context, session, id, error);
    }
  }
  return code;
}
