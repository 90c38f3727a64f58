/**
 * Plays the Kubernetes API for one pod: HTTPS with a certificate from its own authority, and a bearer token that it
 * requires.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificates } from './certificates.ts';

interface PatchSeen {
  readonly method: string;
  readonly path: string;
  readonly type: string;
  readonly body: unknown;
}

export interface KubernetesApi {
  readonly url: string;
  readonly caPath: string;
  readonly tokenPath: string;
  /** The requests that presented the token. */
  readonly seen: readonly PatchSeen[];
  /** The deletion costs that were set, in order. */
  readonly costs: () => readonly string[];
  /** Requires this token from now on and writes it to the token file. */
  exchangeToken(token: string): void;
  /** Responds with 403 from now on, as without permission. */
  forbid(isForbidden: boolean): void;
  close(): Promise<void>;
}

export const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

export async function startKubernetesApi(): Promise<KubernetesApi> {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-kubernetes-'));
  const { caPath, certPath, keyPath } = makeCertificates(folder, 'api');
  const tokenPath = join(folder, 'token');
  const seen: PatchSeen[] = [];
  let wanted = 'first-token';
  let forbidden = false;
  writeFileSync(tokenPath, `${wanted}\n`);

  const server = createServer({ cert: readFileSync(certPath), key: readFileSync(keyPath) }, (request, response) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      };
      const { method = '', url: path = '', headers } = request;
      if (headers.authorization !== `Bearer ${wanted}`) {
        answer(401, { kind: 'Status', message: 'Unauthorized' });
      } else if (forbidden) {
        answer(403, { kind: 'Status', message: 'pods "w-1" is forbidden: cannot patch resource "pods"' });
      } else {
        seen.push({ method, path, type: headers['content-type'] ?? '', body: JSON.parse(text) as unknown });
        answer(200, { kind: 'Pod' });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `https://127.0.0.1:${port}`,
    caPath,
    tokenPath,
    seen,
    costs: () =>
      seen.map(({ body }) => {
        const { metadata } = body as { readonly metadata: { readonly annotations: Record<string, string> } };
        return metadata.annotations[deletionCostAnnotation] ?? '';
      }),
    exchangeToken(token) {
      wanted = token;
      writeFileSync(tokenPath, `${token}\n`);
    },
    forbid(isForbidden) {
      forbidden = isForbidden;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
