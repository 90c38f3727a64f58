/** Draws the supervision tree. */
import type { ActorInfo } from '../../client/index.ts';
import { oneLine } from '../../domain/printable.ts';
import { infoText } from './cluster-text.ts';

interface Branch {
  readonly actor: ActorInfo;
  readonly children: Branch[];
}

export function treeText(actors: readonly ActorInfo[], nowMs: number): string {
  return rootsOf(actors)
    .map((root) => branchLines(root, '', '', nowMs).join(''))
    .join('\n');
}

/**
 * Builds the tree. Parents come before their children in `actors`. A row whose parent is missing hangs below its node
 * or is a root.
 */
function rootsOf(actors: readonly ActorInfo[]): readonly Branch[] {
  const roots: Branch[] = [];
  const known = new Map<string, Branch>();
  for (const actor of actors) {
    const branch: Branch = { actor, children: [] };
    known.set(`${actor.node} ${actor.path}`, branch);
    const parent = parentOf(actor, known);
    if (parent === undefined) roots.push(branch);
    else parent.children.push(branch);
  }
  return roots;
}

function parentOf({ node, path }: ActorInfo, known: ReadonlyMap<string, Branch>): Branch | undefined {
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
    const parent = known.get(`${node} ${path.slice(0, at)}`);
    if (parent !== undefined) return parent;
  }
  return path === '/' ? undefined : known.get(`${node} /`);
}

function branchLines({ actor, children }: Branch, lead: string, below: string, nowMs: number): string[] {
  const lines = [`${lead}${oneLine(labelOf(actor))}  ${actor.state}  ${infoText(actor, nowMs)}`.trimEnd() + '\n'];
  children.forEach((child, index) => {
    const last = index === children.length - 1;
    lines.push(...branchLines(child, `${below}${last ? '└─ ' : '├─ '}`, `${below}${last ? '   ' : '│  '}`, nowMs));
  });
  return lines;
}

function labelOf({ node, path, kind }: ActorInfo): string {
  if (path === '/') return node;
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name === kind || name.startsWith(`${kind}:`) ? name : `${name} (${kind})`;
}
