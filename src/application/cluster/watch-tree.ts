/**
 * Watches the actor tree: yields what changed since the last update. It is bounded. Each watch holds one tree, asks the
 * nodes only after the reader has taken the previous message, and shares recent answers with watches of the same
 * subtree.
 */
import { type CallContext, ensureAwaited } from '../protocol/call-context.ts';
import { FieldChecks } from '../jobs/field-checks.ts';
import type { Range } from '../../domain/setting-ranges.ts';
import type { Clock } from '../ports/runtime.ts';
import { createWakeUp } from '../jobs/wake-up.ts';
import type { SeeCluster, SeenActor, SeenTree, TreeQuery } from './see-cluster.ts';

const intervalDefaultMs = 1_000;
const intervalRange: Range = { min: 250, max: 60_000, text: '250 ms to 1 minute' };
/** How long an answer is shared with other watches. */
const sharedMs = 200;
/** Most answers that are shared at a time. Beyond that every watch asks for itself. */
const sharedMax = 64;

interface TreeChange {
  readonly changed: readonly SeenActor[];
  readonly gone: readonly { readonly node: string; readonly path: string }[];
  readonly omitted: number;
}

export type WatchTree = (
  context: CallContext,
  query: TreeQuery & { readonly intervalMs: number | undefined },
) => AsyncGenerator<TreeChange, void>;

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
  const shared = new Map<string, Promise<SeenTree>>();

  return (context: CallContext, { node, path }: TreeQuery): Promise<SeenTree> => {
    const key = `${node} ${path}`;
    const known = shared.get(key);
    if (known !== undefined) return known;
    // Leave the caller's deadline out: it must not cut short an answer that others wait for.
    const { tenant, requestId } = context;
    const tree = see.tree({ tenant, requestId }, { node, path });
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
  { actors, omitted }: SeenTree,
): { readonly change: TreeChange; readonly now: ReadonlyMap<string, string> } {
  const now = new Map<string, string>();
  const changed: SeenActor[] = [];
  for (const actor of actors) {
    const key = keyOf(actor.node, actor.row.path);
    const text = JSON.stringify(actor.row);
    now.set(key, text);
    if (told?.get(key) !== text) changed.push(actor);
  }
  const gone = [...(told?.keys() ?? [])].filter((key) => !now.has(key)).map(fromKey);
  return { change: { changed, gone, omitted }, now };
}

function keyOf(node: string, path: string): string {
  return `${node} ${path}`;
}

function fromKey(key: string): { readonly node: string; readonly path: string } {
  const at = key.indexOf(' ');
  return { node: key.slice(0, at), path: key.slice(at + 1) };
}
