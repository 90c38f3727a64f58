/**
 * How existing queues or tenants differ from the declared ones. Terraform does not know them, so the app asks the gateway at
 * synth, within a time limit. If the gateway does not answer, the drift is unknown and nothing is corrected.
 */
import { spawnSync } from 'node:child_process';
import type { QueueGateway } from '../config/queues.ts';
import { exitCodes, type Kind, troupeArguments, withDeclaredFile } from './troupe-command.ts';

const patienceMs = 10_000;

/** `unknown`: the gateway did not answer. `text` is stable as long as the difference is the same. */
export type Drift =
  | { readonly kind: 'none' }
  | { readonly kind: 'drift'; readonly text: string }
  | { readonly kind: 'unknown'; readonly why: string };

export function askDrift(gateway: QueueGateway, kind: Kind, declared: object): Drift {
  const { status, stdout, stderr, error } = withDeclaredFile(kind, declared, (path) => {
    const args = troupeArguments(gateway, kind, 'diff', path, '--json');
    return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: patienceMs, killSignal: 'SIGKILL' });
  });
  if (status === exitCodes.ok) return { kind: 'none' };
  if (status === exitCodes.different) return { kind: 'drift', text: differenceOf(kind, stdout) };
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

/** Keeps only what is to be created or updated. What is unchanged or undeclared is left out. */
function differenceOf(kind: Kind, document: string): string {
  const plans = JSON.parse(document) as Readonly<Record<Kind, readonly { readonly action: string }[]>>;
  return JSON.stringify(plans[kind].filter(({ action }) => action === 'create' || action === 'update'));
}
