import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { vaultEntries } from '../src/aws/secrets.ts';
import { appObjects } from '../src/objects/app.ts';
import { dataObjects } from '../src/objects/cassandra.ts';
import { migrateObjects } from '../src/objects/migrate.ts';
import { nodeSecrets } from '../src/objects/secrets.ts';
import { kubernetesEnvironment, kubernetesInput } from './support/kubernetes-environments.ts';
import { allPods, type Pods } from './support/objects.ts';
import production from '../environments/production.ts';

const base = kubernetesInput(production);
const withData = (changes: object) => kubernetesEnvironment({ ...base, data: { ...base.data, ...changes } });
const own = withData({ logins: 'component' });

/** All Secrets that a pod is given of, by file or by variable. */
function secretsOf({ spec, container }: Pods): readonly string[] {
  const files = (spec.volumes ?? []).flatMap(({ projected, secret }) => [
    ...(projected?.sources ?? []).map((source) => source.secret?.name),
    secret?.secretName,
  ]);
  const variables = (container.env ?? []).map(({ valueFrom }) => valueFrom?.secretKeyRef?.name);
  return [...new Set([...files, ...variables])].filter(
    (name) => name?.startsWith('troupe-cassandra-') === true,
  ) as string[];
}

const componentOf = ({ labels }: Pods): string => labels['app.kubernetes.io/component'] ?? '';

interface CassandraSettings {
  readonly user?: string;
  readonly logins?: readonly {
    readonly user: string;
    readonly components: readonly string[];
    readonly passwordPath: string;
  }[];
}

function cassandraOf(environment: typeof own, name: string): CassandraSettings {
  const map = appObjects(environment).find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
  const { store } = parse(map?.data?.['troupe.config.yaml'] ?? '') as { store: { cassandra: CassandraSettings } };
  return store.cassandra;
}

describe('the logins of the ring', () => {
  it('are one for each component, and that of the Job is in no other pod', () => {
    const pods = allPods(appObjects(own));
    expect(new Set(pods.map(componentOf))).toEqual(new Set(['gateway', 'shards', 'workers', 'migrate']));
    for (const pod of pods) {
      const component = componentOf(pod);
      const expected = component === 'migrate' ? ['login', 'gateway', 'shards', 'workers', 'tls'] : [component, 'tls'];
      expect(secretsOf(pod).toSorted()).toEqual(expected.map((name) => `troupe-cassandra-${name}`).toSorted());
    }
    expect(cassandraOf(own, 'troupe-shards').user).toBe('troupe-shards');
    expect(cassandraOf(own, 'troupe-workers-large').user).toBe('troupe-workers');
    expect(cassandraOf(own, 'troupe-gateway')).not.toHaveProperty('logins');
    expect(cassandraOf(own, 'troupe-migrate').logins).toEqual(
      ['gateway', 'shards', 'workers'].map((component) => ({
        user: `troupe-${component}`,
        components: [component],
        passwordPath: `/etc/troupe/logins/${component}`,
      })),
    );
  });

  it('have the name of the keyspace, so that two clusters can share a ring', () => {
    expect(cassandraOf(withData({ logins: 'component', keyspace: 'other' }), 'troupe-shards').user).toBe(
      'other-shards',
    );
  });

  it('are filled from the vault, each from an entry of its own', () => {
    const entries = [...vaultEntries(own).keys()].filter((name) => name.includes('cassandra-'));
    expect(entries).toEqual(
      expect.arrayContaining(['gateway', 'shards', 'workers'].map((name) => `troupe/production/cassandra-${name}`)),
    );
    const names = nodeSecrets(own).map(({ metadata }) => metadata.name);
    expect(names).toEqual(expect.arrayContaining(['troupe-cassandra-login', 'troupe-cassandra-workers']));
  });

  it('have the ring refuse to drop and truncate tables for everyone but superusers', () => {
    const text = (environment: typeof own): string => JSON.stringify(dataObjects(environment));
    expect(text(own)).toContain('"drop_truncate_table_enabled":false');
    expect(text(kubernetesEnvironment(production))).not.toContain('drop_truncate');
  });

  it('get their passwords again from another Job when the rotation is raised', () => {
    const job = (environment: typeof own) =>
      migrateObjects(environment).find(({ kind }) => kind === 'Job')?.metadata.name;
    expect(job(own)).toBe(job(withData({ logins: 'component', loginsRotation: 0 })));
    expect(job(withData({ logins: 'component', loginsRotation: 1 }))).not.toBe(job(own));
  });

  it('are one for all, as before, where nothing is said', () => {
    for (const pod of allPods(appObjects(kubernetesEnvironment(production))))
      expect(secretsOf(pod).toSorted()).toEqual(['troupe-cassandra-login', 'troupe-cassandra-tls']);
    expect(nodeSecrets(kubernetesEnvironment(production)).map(({ metadata }) => metadata.name)).not.toContain(
      'troupe-cassandra-workers',
    );
  });
});
