/**
 * The rules of OTP supervision (with suspended children) said a second time, as directly as possible: synchronous, recursive, no
 * actors. The property tests compare what the real tree does with what this says.
 */
import type { Intensity, RestartPolicy, Strategy } from '../../../src/supervisor/index.ts';

interface WorkerShape {
  readonly type: 'worker';
  readonly name: string;
  readonly restart: RestartPolicy;
  /** Its own budget; past it the child is suspended. */
  readonly suspension: Intensity | undefined;
}

export interface SupervisorShape {
  readonly type: 'supervisor';
  readonly name: string;
  readonly restart: RestartPolicy;
  readonly suspension: Intensity | undefined;
  readonly strategy: Strategy;
  readonly intensity: Intensity;
  readonly children: readonly Shape[];
}

export type Shape = WorkerShape | SupervisorShape;

interface Node {
  readonly shape: Shape;
  readonly path: string;
  state: 'down' | 'up' | 'retired' | 'suspended' | 'gone';
  ownRestarts: number[];
  /** Of a supervisor that is up. */
  restarts: number[];
  children: Node[];
}

export class OtpReference {
  nowMs = 0;
  readonly trace: string[] = [];
  /** How many of a worker's next starts fail. */
  readonly failingStarts = new Map<string, number>();
  readonly root: Node;

  constructor(shape: SupervisorShape) {
    this.root = nodeOf(shape, '');
    this.#start(this.root);
  }

  /** The top has failed, and with it everything. */
  isDown(): boolean {
    return this.root.state === 'down';
  }

  upWorkers(): string[] {
    return this.#all(this.root).flatMap((node) =>
      node.state === 'up' && node.shape.type === 'worker' ? [node.path] : [],
    );
  }

  /** Path → state, of all that a living supervisor knows. */
  states(): Record<string, string> {
    return Object.fromEntries(
      this.#all(this.root).map((node) => [node.path, node.state === 'up' ? 'running' : node.state]),
    );
  }

  end(path: string, failed: boolean): void {
    const node = this.#all(this.root).find((candidate) => candidate.path === path);
    if (node?.state !== 'up') throw new Error(`${path} is not up`);
    this.#stop(node);
    this.#ended(node, failed);
  }

  resume(path: string): void {
    const node = this.#all(this.root).find((candidate) => candidate.path === path);
    const parent = this.#parentOf(path);
    if (node?.state !== 'suspended' || parent === undefined) throw new Error(`${path} is not suspended`);
    node.state = 'down';
    node.ownRestarts = [];
    if (!this.#bringUp(parent)) this.#ended(parent, true);
  }

  /** The end of a node that nobody asked for, up the tree as far as it goes. */
  #ended(node: Node, failed: boolean): void {
    const parent = this.#parentOf(node.path);
    if (parent === undefined) return;
    if (!this.#childEnded(parent, node, failed) || !this.#bringUp(parent)) this.#ended(parent, true);
  }

  /** False when the supervisor has failed (and is down with all its children). */
  #childEnded(parent: Node, child: Node, failed: boolean): boolean {
    const shape = parent.shape as SupervisorShape;
    const { restart, suspension } = child.shape;
    if (restart === 'temporary' || (restart === 'transient' && !failed)) {
      child.state = restart === 'temporary' ? 'gone' : 'retired';
      return true;
    }
    const budget = suspension ?? shape.intensity;
    const young = (suspension ? child.ownRestarts : parent.restarts).filter((at) => this.nowMs - at <= budget.windowMs);
    const spent = young.length >= budget.maxRestarts;
    if (spent && !suspension) {
      this.#stop(parent);
      return false;
    }
    if (suspension) child.ownRestarts = [...young, this.nowMs];
    else parent.restarts = [...young, this.nowMs];
    child.state = spent ? 'suspended' : 'down';
    this.#takeDownSiblings(parent, child);
    return true;
  }

  #takeDownSiblings(parent: Node, failed: Node): void {
    const { strategy } = parent.shape as SupervisorShape;
    if (strategy === 'one-for-one') return;
    const from = strategy === 'rest-for-one' ? parent.children.indexOf(failed) : 0;
    for (const sibling of parent.children.slice(from).reverse()) {
      if (sibling === failed || sibling.state === 'suspended') continue;
      if (sibling.state === 'up') this.#stop(sibling);
      if (sibling.shape.restart === 'temporary') sibling.state = 'gone';
      else if (sibling.state === 'retired') sibling.state = 'down';
    }
  }

  /** Starts all that are down, in order; false when the supervisor has failed over it. */
  #bringUp(parent: Node): boolean {
    const { strategy } = parent.shape as SupervisorShape;
    for (;;) {
      parent.children = parent.children.filter((child) => child.state !== 'gone');
      if (strategy === 'one-for-all' && parent.children.some((child) => child.state === 'suspended')) return true;
      const blocked = parent.children.findIndex((child) => child.state === 'suspended');
      const startable =
        strategy === 'rest-for-one' && blocked >= 0 ? parent.children.slice(0, blocked) : parent.children;
      const next = startable.find((child) => child.state === 'down');
      if (next === undefined) return true;
      if (!this.#start(next) && !this.#childEnded(parent, next, true)) return false;
    }
  }

  #start(node: Node): boolean {
    this.trace.push(`+${node.path}`);
    if (node.shape.type === 'worker') {
      const failing = this.failingStarts.get(node.path) ?? 0;
      this.failingStarts.set(node.path, Math.max(0, failing - 1));
      if (failing > 0) return false;
      node.state = 'up';
      return true;
    }
    node.state = 'up';
    node.restarts = [];
    node.children = node.shape.children.map((child) => nodeOf(child, node.path));
    return this.#bringUp(node);
  }

  #stop(node: Node): void {
    for (const child of [...node.children].reverse()) if (child.state === 'up') this.#stop(child);
    node.children = [];
    node.state = 'down';
    this.trace.push(`-${node.path}`);
  }

  #all(node: Node): Node[] {
    return [node, ...node.children.flatMap((child) => this.#all(child))];
  }

  #parentOf(path: string): Node | undefined {
    const parentPath = path.slice(0, path.lastIndexOf('/'));
    return this.#all(this.root).find((node) => node.path === parentPath);
  }
}

function nodeOf(shape: Shape, parentPath: string): Node {
  return { shape, path: `${parentPath}/${shape.name}`, state: 'down', ownRestarts: [], restarts: [], children: [] };
}
