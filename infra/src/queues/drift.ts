/**
 * How existing queues differ from the declared ones. Terraform does not know the queues, so the app asks the gateway at
 * synth, within a time limit. If the gateway does not answer, the drift is unknown and nothing is corrected.
 */
import { spawnSync } from 'node:child_process';
import type { DeclaredQueues, QueueGateway } from '../config/queues.ts';
import { exitCodes, troupeArguments, withQueueFile } from './troupe-command.ts';

const patienceMs = 10_000;

/** `unknown`: the gateway did not answer. `text` is stable as long as the difference is the same. */
export type Drift =
  | { readonly kind: 'none' }
  | { readonly kind: 'drift'; readonly text: string }
  | { readonly kind: 'unknown'; readonly why: string };

export function askDrift(gateway: QueueGateway, queues: DeclaredQueues): Drift {
  const { status, stdout, stderr, error } = withQueueFile(queues, (path) => {
    const args = troupeArguments(gateway, 'diff', path, '--json');
    return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: patienceMs, killSignal: 'SIGKILL' });
  });
  if (status === exitCodes.ok) return { kind: 'none' };
  if (status === exitCodes.different) return { kind: 'drift', text: differenceOf(stdout) };
  return { kind: 'unknown', why: error?.message ?? messageOf(stderr) };
}

/** Reads the message of the error document that `--json` writes. */
function messageOf(stderr: string): string {
  try {
    const { error } = JSON.parse(stderr) as { readonly error: { readonly code: string; readonly message: string } };
    return `${error.code}: ${error.message}`;
  } catch {
    return stderr.trim();
  }
}

/** Keeps only queues to create or update. Unchanged and undeclared queues are left out. */
function differenceOf(document: string): string {
  const { queues } = JSON.parse(document) as { readonly queues: readonly { readonly action: string }[] };
  return JSON.stringify(queues.filter(({ action }) => action === 'create' || action === 'update'));
}
