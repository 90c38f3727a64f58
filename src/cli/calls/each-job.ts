/**
 * Applies an operation to each of several jobs. A failure is reported with the job's id, and the other jobs are still
 * processed.
 */
import { TroupeClientError } from '../../client/index.ts';
import type { CommandContext, Session } from './command-context.ts';
import { errorDocument, explainError } from '../errors/explain-error.ts';
import { exitCodeOf, exitCodes } from '../errors/exit-code.ts';
import { documentLine } from '../text/job-document.ts';

/** True if the error concerns this job only. False if the cluster does not answer or the user has interrupted. */
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

/** Resolves to the exit code of the first failure, otherwise 0. For a single job the error is thrown unchanged. */
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
