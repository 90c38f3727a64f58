/**
 * What terraform keeps of a declaration that `troupe … apply` carries out: a resource that runs it when the declaration changes,
 * and one (`mend`) that runs it when something was changed by hand.
 */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type Construct, DataResource } from '../cdk.ts';
import { literal } from '../lib/literal.ts';
import type { Drift } from './drift.ts';
import type { QueueOrder } from './main.ts';

const runner = fileURLToPath(new URL('main.ts', import.meta.url));

/** Linux gives a program no variable of more than 128 KiB, its name and a zero included. */
const orderMaxBytes = 128 * 1_024 - 64;

export interface Applied {
  readonly drift: Drift;
  readonly what: 'queues' | 'tenants';
  readonly after?: DataResource;
}

export function addApplied(scope: Construct, declared: QueueOrder, { drift, what, after }: Applied): void {
  if (drift.kind === 'unknown') {
    process.stderr.write(
      `${what} at ${declared.gateway.address} are not compared with what is declared: ${drift.why}\n`,
    );
  }
  const bytes = Buffer.byteLength(JSON.stringify(declared));
  if (bytes > orderMaxBytes)
    throw new Error(
      `${what}.declared: takes ${bytes} bytes of JSON, and terraform can hand over ${orderMaxBytes}. Divide it among several ` +
        (what === 'tenants' ? 'TroupeTenants' : 'TroupeQueues'),
    );
  const applied = resource(scope, 'apply', { declared, after });
  applied.addOverride('triggers_replace', digest(JSON.stringify(declared[what])));
  const mended = resource(scope, 'mend', { declared, after: applied });
  mended.addOverride('triggers_replace', digest(drift.kind === 'drift' ? drift.text : drift.kind));
  // If no drift is known, the trigger must not change, so that nothing is applied.
  if (drift.kind !== 'drift') mended.addOverride('lifecycle.ignore_changes', ['triggers_replace']);
}

function resource(
  scope: Construct,
  id: 'apply' | 'mend',
  { declared, after }: { readonly declared: QueueOrder; readonly after: DataResource | undefined },
): DataResource {
  return new DataResource(scope, id, {
    ...(after !== undefined && { dependsOn: [after] }),
    input: { ...program(), order: order(declared) },
    provisioners: [provisioner('create', 'apply')],
  });
}

export function program(): { readonly node: string; readonly runner: string } {
  return { node: literal(process.execPath), runner: literal(runner) };
}

export function order(value: QueueOrder): string {
  return literal(JSON.stringify(value));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A destroy provisioner may refer only to its own resource (`self`), so all inputs are passed through it. */
export function provisioner(when: 'create' | 'destroy', verb: 'apply' | 'delete') {
  return {
    type: 'local-exec' as const,
    when,
    command: `"$QUEUES_NODE" --disable-warning=ExperimentalWarning "$QUEUES_RUNNER" ${verb}`,
    environment: {
      QUEUES_NODE: '${self.input.node}',
      QUEUES_RUNNER: '${self.input.runner}',
      TROUPE_QUEUES: '${self.input.order}',
    },
  };
}
