/**
 * How busy each actor was recently: the difference between the tree now and two to four seconds ago. It keeps two marks
 * of each actor that exists, and nothing of actors that are gone.
 */
import type { TreeNode } from '../../kernel/index.ts';

/** How often `mark` must be called. */
export const markEveryMs = 2_000;

export interface Activity {
  readonly messageRate: number;
  readonly busyShare: number;
}

interface Mark {
  readonly atMs: number;
  readonly messages: number;
  readonly busyMs: number;
}

const idle: Activity = { messageRate: 0, busyShare: 0 };

export class ActivityMeter {
  #older: ReadonlyMap<string, Mark> = new Map();
  #newer: ReadonlyMap<string, Mark> = new Map();

  mark(tree: readonly TreeNode[], nowMs: number): void {
    this.#older = this.#newer;
    this.#newer = new Map(
      tree.map(({ path, messagesHandled, busyMs }) => [path, { atMs: nowMs, messages: messagesHandled, busyMs }]),
    );
  }

  /** Rates over the last two to four seconds, or since the first mark of a younger actor. */
  activityOf(node: TreeNode, nowMs: number): Activity {
    const since = this.#older.get(node.path) ?? this.#newer.get(node.path);
    // An actor without a mark is measured since its start. Its first moments are too short to be meaningful.
    const spanMs = since === undefined ? (node.upMs ?? 0) : nowMs - since.atMs;
    if (spanMs < 100) return idle;
    // A smaller count than before means that another actor has taken the name.
    const messages = Math.max(0, node.messagesHandled - (since?.messages ?? 0));
    const busyMs = Math.max(0, node.busyMs - (since?.busyMs ?? 0));
    return { messageRate: (messages * 1_000) / spanMs, busyShare: Math.min(1, busyMs / spanMs) };
  }
}
