/**
 * Patches the pod of this process through the API of Kubernetes. It uses the token of the pod's service account, which
 * may only `patch` `pods`. Token and certificate authority are read at each call, because Kubernetes replaces them
 * while the process runs.
 */
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { OwnPod } from '../../application/ports/own-pod.ts';

export interface OwnPodOptions {
  /** For example `https://kubernetes.default.svc`. */
  readonly apiUrl: string;
  readonly namespace: string;
  readonly podName: string;
  readonly tokenPath: string;
  /** PEM file with the authorities that signed the certificate of the API. */
  readonly caPath: string;
}

const annotation = 'controller.kubernetes.io/pod-deletion-cost';
const patienceMs = 5_000;
/** How much of an error response is read to find its reason. */
const answerMaxBytes = 16_384;

/** `setDeletionCost` rejects if Kubernetes refuses the patch or does not answer within 5 s. */
export function createOwnPod({ apiUrl, namespace, podName, tokenPath, caPath }: OwnPodOptions): OwnPod {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(podName)}`;
  const url = new URL(path, apiUrl);
  return {
    async setDeletionCost(cost) {
      const [token, ca] = await Promise.all([readFile(tokenPath, 'utf8'), readFile(caPath)]);
      const body = JSON.stringify({ metadata: { annotations: { [annotation]: String(cost) } } });
      const { status, text } = await patch(url, { body, ca, token: token.trim() });
      if (status !== 200) throw new Error(`PATCH ${path}: ${status} ${reasonOf(text)}`);
    },
  };
}

interface Patch {
  readonly body: string;
  readonly ca: Buffer;
  readonly token: string;
}

function patch(url: URL, { body, ca, token }: Patch): Promise<{ readonly status: number; readonly text: string }> {
  const headers = {
    authorization: `Bearer ${token}`,
    accept: 'application/json',
    'content-type': 'application/merge-patch+json',
    'content-length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    // No agent: there is at most one request every 10 s, so keeping the connection open is not worthwhile.
    const signal = AbortSignal.timeout(patienceMs);
    const asked = request(url, { method: 'PATCH', headers, ca, agent: false, signal }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        if (text.length < answerMaxBytes) text += part;
      });
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, text });
      });
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** The message of the `Status` object that the API returns in place of the pod. */
function reasonOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === 'string' ? message.slice(0, 500) : '';
  } catch {
    return '';
  }
}
