import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { loadMethodAccess } from '../../../src/contract/method-access.ts';
import { loadContractRoot } from '../../../src/contract/root.ts';

/** A contract whose method DrainNode has these options, and whose other services have no methods. */
function rootWith(
  options: Readonly<Record<string, unknown>> | undefined,
  methodsOfJobs: 'none' | 'the same' = 'none',
): protobuf.Root {
  const method = { requestType: 'M', responseType: 'M', ...(options && { options }) };
  const service = (methods: object) => ({ methods });
  return protobuf.Root.fromJSON({
    nested: {
      troupe: {
        nested: {
          v1: {
            nested: {
              M: { fields: {} },
              Jobs: service(methodsOfJobs === 'none' ? {} : { DrainNode: method }),
              Queues: service({}),
              Access: service({}),
              Tenants: service({}),
              Audit: service({}),
              Events: service({}),
              Cluster: service({ DrainNode: method }),
            },
          },
        },
      },
    },
  } as protobuf.INamespace);
}

const permission = '(troupe.v1.access).permission';
const scope = '(troupe.v1.access).scope';
const audit = '(troupe.v1.access).audit';
const recorded = { [audit]: 'AUDIT_RULE_ADMIN' };
const operate = { [permission]: 'cluster.operate', [scope]: 'ACCESS_SCOPE_CLUSTER' };

describe('what methods need', () => {
  it('is said by every method of every service', () => {
    const access = loadMethodAccess();
    const services = ['Jobs', 'Queues', 'Cluster', 'Access', 'Tenants', 'Audit', 'Events'];
    const methods = services.flatMap((name) => loadContractRoot().lookupService(`troupe.v1.${name}`).methodsArray);
    expect([...access.keys()].sort()).toEqual(methods.map(({ name }) => name).sort());
    expect(access.get('SubmitJob')).toEqual({ scope: 'tenant', permission: 'jobs.submit', audit: 'submit' });
    expect(access.get('DrainNode')).toEqual({ scope: 'cluster', permission: 'cluster.operate', audit: 'admin' });
  });

  it.each([
    ['no option', undefined],
    ['no audit rule', operate],
    ['an audit rule that does not exist', { ...operate, [audit]: 'toString' }],
    ['no permission', { ...recorded, [scope]: 'ACCESS_SCOPE_CLUSTER' }],
    ['a permission that does not exist', { ...recorded, [permission]: 'jobs.destroy', [scope]: 'ACCESS_SCOPE_TENANT' }],
    ['a permission named like a property', { ...recorded, [permission]: 'toString', [scope]: 'ACCESS_SCOPE_TENANT' }],
    ['no scope', { ...recorded, [permission]: 'cluster.operate' }],
    [
      'the scope of another permission',
      { ...recorded, [permission]: 'cluster.operate', [scope]: 'ACCESS_SCOPE_TENANT' },
    ],
    ['a permission for the caller itself', { ...recorded, [permission]: 'jobs.read', [scope]: 'ACCESS_SCOPE_CALLER' }],
  ])('keeps a server from starting: %s', (_, options) => {
    expect(() => loadMethodAccess(rootWith(options))).toThrow(/DrainNode/);
  });

  it('must be clear from the name of the method', () => {
    const options = { ...operate, ...recorded };
    expect(loadMethodAccess(rootWith(options)).size).toBe(1);
    expect(() => loadMethodAccess(rootWith(options, 'the same'))).toThrow(/two services.*DrainNode/);
  });
});
