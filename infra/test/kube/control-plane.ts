/**
 * A real control plane of Kubernetes on this machine, on free ports of the loopback. It keeps everything in a folder of
 * its own; `stop` ends what it started, by process id, and removes the folder.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { partFolder } from './binaries.ts';
import { type Kubectl, kubectlWith } from './kubectl.ts';
import { freePorts, type RunningProgram, startProgram, until } from './processes.ts';

const readyTimeoutMs = 120_000;

/** Short, so that a test of a lost zone takes seconds; in production Kubernetes waits 50 s and 300 s. */
const nodeMonitorGraceSeconds = 20;
const nodeLeaseSeconds = 8;
const tolerationSeconds = 3;

export const zones = ['zone-a', 'zone-b', 'zone-c'] as const;
type Zone = (typeof zones)[number];

export interface ControlPlane {
  readonly folder: string;
  readonly kubeconfigPath: string;
  readonly kubectl: Kubectl;
  /** The nodes of a zone stop answering, as when its power fails. Only with `machines`. */
  readonly loseZone: (zone: Zone) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/**
 * `server`: etcd and kube-apiserver, which take objects. `controllers`: also the controller manager, which makes pods of
 * them and collects what is deleted. `machines`: also the scheduler, and kwok, which plays the machines of three zones.
 */
export type Extent = 'server' | 'controllers' | 'machines';

/** The parts (parts.ts) of each. */
export const partsOf: Record<Extent, readonly string[]> = {
  server: ['etcd', 'kube-apiserver'],
  controllers: ['etcd', 'kube-apiserver', 'kube-controller-manager'],
  machines: ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kwok'],
};

export async function startControlPlane(extent: Extent): Promise<ControlPlane> {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-kube-'));
  const running: RunningProgram[] = [];
  const start = (name: string, args: readonly string[], logName = name): RunningProgram => {
    const program = startProgram(join(partFolder(name), name), args, join(folder, `${logName}.log`));
    running.push(program);
    return program;
  };
  const stop = async () => {
    for (const program of running.toReversed()) await program.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const kubeconfigPath = await startServer(folder, start);
    const kubectl = kubectlWith(kubeconfigPath);
    if (extent !== 'server') startControllers(folder, kubeconfigPath, start);
    const zonePrograms = extent === 'machines' ? startMachines(kubeconfigPath, start) : noMachines;
    const loseZone = async (zone: Zone) => {
      const program = zonePrograms.get(zone);
      if (program === undefined) throw new Error(`nothing plays the nodes of ${zone}`);
      await program.stop();
    };
    return { folder, kubeconfigPath, kubectl, loseZone, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Start = (name: string, args: readonly string[], logName?: string) => RunningProgram;

/** Resolves with the path of the kubeconfig once the API answers. */
async function startServer(folder: string, start: Start): Promise<string> {
  const [clientPort, peerPort, apiPort] = (await freePorts(3)) as [number, number, number];
  const etcdUrl = `http://127.0.0.1:${clientPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const etcd = start('etcd', [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
  ]);
  await untilReady('etcd', etcd, async () => (await fetch(`${etcdUrl}/health`)).ok || undefined);
  const { token, args } = identities(folder);
  const api = start('kube-apiserver', [
    `--etcd-servers=${etcdUrl}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${apiPort}`,
    ...args,
    '--authorization-mode=Node,RBAC',
    '--service-cluster-ip-range=10.96.0.0/24',
    '--endpoint-reconciler-type=none',
    // Lists by a watch need etcd 3.5.8; where they are offered and fail, every client waits longer and longer between tries.
    '--feature-gates=WatchList=false',
    `--default-not-ready-toleration-seconds=${tolerationSeconds}`,
    `--default-unreachable-toleration-seconds=${tolerationSeconds}`,
  ]);
  const kubeconfigPath = join(folder, 'kubeconfig');
  writeFileSync(kubeconfigPath, kubeconfig(`https://127.0.0.1:${apiPort}`, token, join(folder, 'pki/apiserver.crt')));
  const kubectl = kubectlWith(kubeconfigPath);
  await untilReady(
    'kube-apiserver',
    api,
    async () => (await kubectl(['get', '--raw', '/readyz'])) === 'ok' || undefined,
  );
  return kubeconfigPath;
}

async function untilReady(name: string, program: RunningProgram, isReady: () => Promise<true | undefined>) {
  await until(`${name} is ready`, readyTimeoutMs, async () => {
    if (!program.isRunning()) return 'ended' as const;
    return isReady();
  });
  if (!program.isRunning()) throw new Error(`${name} ended: ${program.logTail()}`);
}

/** One administrator with a token, and the keys of service accounts. */
function identities(folder: string): { readonly token: string; readonly args: readonly string[] } {
  const token = randomBytes(16).toString('hex');
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  writeFileSync(join(folder, 'tokens.csv'), `${token},test-admin,1,system:masters\n`);
  writeFileSync(join(folder, 'sa.pub'), keys.publicKey);
  writeFileSync(join(folder, 'sa.key'), keys.privateKey);
  return {
    token,
    args: [
      `--cert-dir=${join(folder, 'pki')}`,
      `--token-auth-file=${join(folder, 'tokens.csv')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${join(folder, 'sa.pub')}`,
      `--service-account-signing-key-file=${join(folder, 'sa.key')}`,
    ],
  };
}

function kubeconfig(server: string, token: string, authority: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': authority } }],
    users: [{ name: 'test-admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test-admin' } }],
    'current-context': 'test',
  });
}

function startControllers(folder: string, kubeconfigPath: string, start: Start): void {
  start('kube-controller-manager', [
    `--kubeconfig=${kubeconfigPath}`,
    '--controllers=*,-node-ipam-controller',
    '--leader-elect=false',
    '--secure-port=0',
    `--service-account-private-key-file=${join(folder, 'sa.key')}`,
    '--node-monitor-period=2s',
    `--node-monitor-grace-period=${nodeMonitorGraceSeconds}s`,
  ]);
}

const noMachines: ReadonlyMap<Zone, RunningProgram> = new Map();

/** One kwok for each zone, so that a zone can be lost whole. */
function startMachines(kubeconfigPath: string, start: Start): ReadonlyMap<Zone, RunningProgram> {
  start('kube-scheduler', [`--kubeconfig=${kubeconfigPath}`, '--leader-elect=false', '--secure-port=0']);
  return new Map(
    zones.map((zone) => {
      const args = [
        `--kubeconfig=${kubeconfigPath}`,
        `--config=${join(partFolder('kwok'), 'stages.yaml')}`,
        '--manage-all-nodes=false',
        `--manage-nodes-with-label-selector=topology.kubernetes.io/zone=${zone}`,
        `--node-lease-duration-seconds=${nodeLeaseSeconds}`,
      ];
      return [zone, start('kwok', args, `kwok-${zone}`)] as const;
    }),
  );
}
