/** Every number of available pods that each workload has had while it was watched, by its name. */
import { spawn } from 'node:child_process';

export interface AvailabilityWatch {
  readonly stop: () => Promise<ReadonlyMap<string, readonly number[]>>;
}

const columns = 'NAME:.metadata.name,AVAILABLE:.status.availableReplicas';

export function watchAvailability(kubeconfigPath: string, namespace: string): AvailabilityWatch {
  const watchers = ['deployments', 'statefulsets'].map((kind) => {
    const args = ['--kubeconfig', kubeconfigPath, 'get', kind, '-n', namespace, '--watch', '--no-headers'];
    const child = spawn('kubectl', [...args, '-o', `custom-columns=${columns}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (piece: Buffer) => (text += piece.toString()));
    const ended = new Promise<void>((resolve) => child.on('close', resolve));
    return {
      stop: async () => {
        child.kill();
        await ended;
        return text;
      },
    };
  });
  return {
    stop: async () => {
      const texts = await Promise.all(watchers.map((watcher) => watcher.stop()));
      const seen = new Map<string, number[]>();
      for (const line of texts.join('\n').split('\n')) {
        const [name, available] = line.trim().split(/\s+/);
        if (name === undefined || name === '' || available === undefined) continue;
        // `<none>`: no pod is available.
        seen.set(name, [...(seen.get(name) ?? []), Number(available) || 0]);
      }
      return seen;
    },
  };
}
