/** Builds the real tree of a shape, with workers that do as they are told and a trace of who started and stopped. */
import type { ActorDefinition } from '../../../src/kernel/index.ts';
import { type ChildSpec, supervise, type SupervisorMessage } from '../../../src/supervisor/index.ts';
import type { Shape, SupervisorShape } from './otp-reference.ts';

export type WorkerOrder = 'crash' | 'crash later' | 'stop';

export interface TreeScript {
  readonly trace: string[];
  readonly failingStarts: Map<string, number>;
  /** Starts and stops that take a few microtasks. */
  readonly asynchronous: boolean;
}

export function definitionOf(shape: Shape, parentPath: string, script: TreeScript): ActorDefinition<never> {
  const path = `${parentPath}/${shape.name}`;
  return shape.type === 'worker' ? worker(path, script) : tracedSupervisor(shape, path, script);
}

function worker(path: string, script: TreeScript): ActorDefinition<WorkerOrder> {
  const begin = (): void => {
    script.trace.push(`+${path}`);
    const failing = script.failingStarts.get(path) ?? 0;
    script.failingStarts.set(path, Math.max(0, failing - 1));
    if (failing > 0) throw new Error(`${path} does not start`);
  };
  return {
    kind: 'worker',
    mailboxCapacity: 8,
    async start(context) {
      if (script.asynchronous) await Promise.resolve();
      begin();
      return {
        receive(order) {
          if (order === 'crash') throw new Error(`${path} crashed`);
          if (order === 'crash later') return Promise.reject(new Error(`${path} crashed later`));
          context.stopSelf();
          return undefined;
        },
        async onStop() {
          if (script.asynchronous) await Promise.resolve();
          script.trace.push(`-${path}`);
        },
      };
    },
  };
}

function tracedSupervisor(
  shape: SupervisorShape,
  path: string,
  script: TreeScript,
): ActorDefinition<SupervisorMessage> {
  const definition = supervise({
    strategy: shape.strategy,
    intensity: shape.intensity,
    children: shape.children.map((child): ChildSpec => ({
      name: child.name,
      definition: definitionOf(child, path, script),
      restart: child.restart,
      shutdownMs: 'infinity',
      ...(child.suspension !== undefined && { onExhausted: 'suspend', intensity: child.suspension }),
    })),
  });
  return {
    ...definition,
    async start(context) {
      script.trace.push(`+${path}`);
      const behavior = await definition.start(context);
      return {
        ...(behavior.ready !== undefined && { ready: behavior.ready }),
        receive: (message) => behavior.receive(message),
        onStop: () => {
          script.trace.push(`-${path}`);
        },
      };
    },
  };
}
