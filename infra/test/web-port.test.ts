/** The port of the gateways for calls in JSON and the console: there only if an environment asks for it. */
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { appObjects } from '../src/objects/app.ts';
import type { KubernetesObject } from '../src/objects/kubernetes-object.ts';
import { ports } from '../src/objects/names.ts';
import { kubernetesEnvironment, kubernetesInput } from './support/kubernetes-environments.ts';
import { allPods, ofKind } from './support/objects.ts';
import { troupeConfigProblems } from './support/troupe-config.ts';
import staging from '../environments/staging.ts';

const base = kubernetesInput(staging);
const web = { hosts: ['troupe.example.com'], console: false };

/** Where the port is open: the pods, the Services, the policies. */
function placesOf(objects: readonly KubernetesObject[]): readonly string[] {
  const pods = allPods(objects).filter(({ spec }) => JSON.stringify(spec.containers).includes(String(ports.web)));
  const services = ofKind(objects, 'Service').filter(({ spec }) => spec.ports?.some(({ port }) => port === ports.web));
  const policies = ofKind(objects, 'NetworkPolicy').filter(({ spec }) => JSON.stringify(spec).includes(`${ports.web}`));
  return [
    ...pods.map(({ labels }) => `pod ${labels['app.kubernetes.io/component'] ?? ''}`),
    ...[...services, ...policies].map(({ kind, metadata }) => `${kind} ${metadata.name}`),
  ];
}

it('is nowhere without a section', () => {
  expect(placesOf(appObjects(kubernetesEnvironment(base)))).toEqual([]);
});

it('is one of the gateways, their virtual address and their clients', async () => {
  const objects = appObjects(kubernetesEnvironment({ ...base, gateway: { ...base.gateway, web } }));
  expect(placesOf(objects)).toEqual(['pod gateway', 'Service troupe-gateway', 'NetworkPolicy clients-to-gateway']);
  const map = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'troupe-gateway');
  const text = map?.data?.['troupe.config.yaml'] ?? '';
  expect((parse(text) as { gateway: { web: unknown } }).gateway.web).toEqual({ port: ports.web, ...web });
  const env = { TROUPE_STORE_CASSANDRA_USER: 'a', TROUPE_NATS_USER: 'a' };
  expect(await troupeConfigProblems([{ name: 'troupe-gateway', text, env }])).toEqual([]);
});
