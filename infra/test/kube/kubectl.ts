/** kubectl against the control plane of a test. */
import { spawn } from 'node:child_process';

export class KubectlError extends Error {
  override readonly name = 'KubectlError';
  readonly stderr: string;

  constructor(args: readonly string[], stderr: string) {
    super(`kubectl ${args.join(' ')}: ${stderr.trim()}`);
    this.stderr = stderr;
  }
}

/** Resolves with what it printed; `input` is handed to it. Throws KubectlError when it fails. */
export type Kubectl = (args: readonly string[], input?: unknown) => Promise<string>;

export function kubectlWith(kubeconfigPath: string): Kubectl {
  // What it learns of the server stays beside the kubeconfig, not in the home of the user.
  const target = ['--kubeconfig', kubeconfigPath, '--cache-dir', `${kubeconfigPath}-cache`];
  return async (args, input) => {
    const child = spawn('kubectl', [...target, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    let printed = '';
    let complained = '';
    child.stdout.on('data', (piece: Buffer) => (printed += piece.toString()));
    child.stderr.on('data', (piece: Buffer) => (complained += piece.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input === undefined ? '' : JSON.stringify(input));
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    if (status !== 0) throw new KubectlError(args, complained);
    return printed;
  };
}
