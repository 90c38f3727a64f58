// The pod's deletion cost over real TLS, to a server that plays the API of Kubernetes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createOwnPod, type OwnPodOptions } from '../../src/adapters/kubernetes/own-pod.ts';
import type { OwnPod } from '../../src/application/ports/own-pod.ts';
import { makeCertificates } from '../support/certificates.ts';
import { deletionCostAnnotation, type KubernetesApi, startKubernetesApi } from '../support/kubernetes-api.ts';

let api: KubernetesApi;
beforeEach(async () => {
  api = await startKubernetesApi();
});
afterEach(() => api.close());

function pod(options: Partial<OwnPodOptions> = {}): OwnPod {
  const { url: apiUrl, caPath, tokenPath } = api;
  return createOwnPod({ apiUrl, caPath, tokenPath, namespace: 'troupe', podName: 'w-1', ...options });
}

it('patches the annotation of its own pod, and nothing else', async () => {
  await pod().setDeletionCost(50);
  expect(api.seen).toEqual([
    {
      method: 'PATCH',
      path: '/api/v1/namespaces/troupe/pods/w-1',
      type: 'application/merge-patch+json',
      body: { metadata: { annotations: { [deletionCostAnnotation]: '50' } } },
    },
  ]);
});

it('shows the token that the file holds now', async () => {
  const own = pod();
  await own.setDeletionCost(10);
  api.exchangeToken('second-token');
  await own.setDeletionCost(20);
  expect(api.costs()).toEqual(['10', '20']);
});

it('says what the API has against it', async () => {
  api.forbid(true);
  await expect(pod().setDeletionCost(1)).rejects.toThrow(
    'PATCH /api/v1/namespaces/troupe/pods/w-1: 403 pods "w-1" is forbidden: cannot patch resource "pods"',
  );
});

it('sends its token to nobody whom the authority does not vouch for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-stranger-'));
  const stranger = makeCertificates(folder, 'stranger');
  await expect(pod({ caPath: stranger.caPath }).setDeletionCost(1)).rejects.toMatchObject({
    code: expect.stringMatching(/SIGNATURE|CERT/) as unknown,
  });
  expect(api.seen).toEqual([]);
  rmSync(folder, { recursive: true });
});

it('says when there is no token, and when nobody answers', async () => {
  await expect(pod({ tokenPath: '/nowhere/token' }).setDeletionCost(1)).rejects.toMatchObject({ code: 'ENOENT' });
  // Port 1 of loopback: nobody listens there.
  const away = pod({ apiUrl: 'https://127.0.0.1:1' });
  await expect(away.setDeletionCost(1)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
