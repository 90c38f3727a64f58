/**
 * Watches the actor tree: yields what changed since the last update. It is bounded. Each watch holds one tree, asks the
 * nodes only after the reader has taken the previous message, and shares recent answers with watches of the same
 * subtree.
 */
import type * as wire from '../../contract/messages.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import type { Range } from '../../domain/setting-ranges.ts';
import type { Clock } from '../ports/runtime.ts';
import { createWakeUp } from '../calls/wake-up.ts';
import type { SeeCluster } from './see-cluster.ts';

const intervalDefaultMs = 1_000;
const intervalRange: Range = { min: 250, max: 60_000, text: '250 ms to 1 minute' };
/** How long an answer is shared with other watches. */
const sharedMs = 200;
/** Most answers that are shared at a time. Beyond that every watch asks for itself. */
const sharedMax = 64;

export type WatchTree = (
  context: CallContext,
  query: wire.GetTreeRequest & { readonly intervalMs: number | undefined },
) => AsyncGenerator<wire.WatchTreeResponse, void>;

export function createWatchTree(parts: { readonly see: Pick<SeeCluster, 'tree'>; readonly clock: Clock }): WatchTree {
  const { clock } = parts;
  const read = sharedReads(parts);

  return async function* watchTree(context, query) {
    const checks = new FieldChecks();
    checks.range('interval', query.intervalMs, intervalRange);
    checks.ensureNone();
    const intervalMs = query.intervalMs ?? intervalDefaultMs;
    const wakeUp = createWakeUp(clock, context.signal);
    try {
      let told: ReadonlyMap<string, string> | undefined;
      for (;;) {
        ensureAwaited(context, clock.nowMs());
        const tree = await read(context, query);
        const { change, now } = difference(told, tree);
        if (told === undefined || change.changed.length > 0 || change.gone.length > 0) yield change;
        told = now;
        await wakeUp.sleep(intervalMs);
      }
    } finally {
      wakeUp.close();
    }
  };
}

function sharedReads(parts: { readonly see: Pick<SeeCluster, 'tree'>; readonly clock: Clock }) {
  const { see, clock } = parts;
  const shared = new Map<string, Promise<wire.GetTreeResponse>>();

  return (context: CallContext, { node, path }: wire.GetTreeRequest): Promise<wire.GetTreeResponse> => {
    const key = `${node} ${path}`;
    const known = shared.get(key);
    if (known !== undefined) return known;
    // Leave the caller's deadline out: it must not cut short an answer that others wait for.
    const { tenant, principal, requestId } = context;
    const tree = see.tree({ tenant, principal, requestId }, { node, path });
    if (shared.size < sharedMax) {
      shared.set(key, tree);
      clock.setTimer(sharedMs, () => shared.delete(key));
    }
    return tree;
  };
}

/** Compares rows by their text, so any new value makes a row different. */
function difference(
  told: ReadonlyMap<string, string> | undefined,
  { actors, omitted }: wire.GetTreeResponse,
): { readonly change: wire.WatchTreeResponse; readonly now: ReadonlyMap<string, string> } {
  const now = new Map<string, string>();
  const changed: wire.Actor[] = [];
  for (const actor of actors) {
    const key = keyOf(actor);
    const text = JSON.stringify(actor);
    now.set(key, text);
    if (told?.get(key) !== text) changed.push(actor);
  }
  const gone = [...(told?.keys() ?? [])].filter((key) => !now.has(key)).map(fromKey);
  return { change: { changed, gone, omitted }, now };
}

function keyOf({ node, path }: wire.ActorKey): string {
  return `${node} ${path}`;
}

function fromKey(key: string): wire.ActorKey {
  const at = key.indexOf(' ');
  return { node: key.slice(0, at), path: key.slice(at + 1) };
}
