/** Asks the API to evict a pod, as a drain of its node does. Resolves with the HTTP status: 429 when its budget forbids it. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';

interface Kubeconfig {
  readonly clusters: readonly [
    { readonly cluster: { readonly server: string; readonly 'certificate-authority': string } },
  ];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

export async function evict(kubeconfigPath: string, namespace: string, pod: string): Promise<number> {
  const { clusters, users } = JSON.parse(readFileSync(kubeconfigPath, 'utf8')) as Kubeconfig;
  const { server, 'certificate-authority': authority } = clusters[0].cluster;
  const body = JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace } });
  return new Promise((resolve, reject) => {
    const call = request(`${server}/api/v1/namespaces/${namespace}/pods/${pod}/eviction`, {
      method: 'POST',
      ca: readFileSync(authority),
      headers: { authorization: `Bearer ${users[0].user.token}`, 'content-type': 'application/json' },
    });
    call.on('response', (response) => {
      response.resume();
      response.on('end', () => {
        resolve(response.statusCode ?? 0);
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}
