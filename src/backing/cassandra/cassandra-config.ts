/**
 * Configuration files and Java flags for a Cassandra on the loopback interface, alone or as a node of a ring. The jar
 * contains no configuration of its own.
 */
import { join } from 'node:path';

export interface CassandraNodeOptions {
  readonly dataDir: string;
  readonly nativePort: number;
  readonly storagePort: number;
  readonly heapMb: number;
  /** How long an acknowledgement waits for others that share its fsync. */
  readonly commitLogWindowMs: number;
  /** The node's position in a ring of several nodes. Default: a single node on 127.0.0.1. */
  readonly ring?: RingPlace;
  /** Additional lines for cassandra.yaml, such as authentication. */
  readonly moreSettings?: string;
}

/** All nodes of a ring use the same ports, each on its own address. On Linux, 127.0.0.2 and up work without setup. */
export interface RingPlace {
  readonly address: string;
  /** The address of a node that already runs. The first node names itself. */
  readonly seedAddress: string;
  readonly initialToken: bigint;
}

const alone: RingPlace = { address: '127.0.0.1', seedAddress: '127.0.0.1', initialToken: 0n };

export const dataCenter = 'datacenter1';

/**
 * Settings that matter:
 * - `commitlog_sync: group`: nothing is acknowledged before it is on disk, so neither SIGKILL nor a power failure loses
 *   it.
 * - `paxos_variant: v2`: a conditional write needs half the round trips of v1.
 * - `disk_failure_policy: die`: a server whose disk refuses writes exits, so that its supervisor restarts it. By
 *   default it would keep running without serving requests.
 */
export function cassandraYaml(options: CassandraNodeOptions): string {
  const dir = (name: string): string => JSON.stringify(join(options.dataDir, name));
  const { address, seedAddress, initialToken } = options.ring ?? alone;
  return `cluster_name: troupe
num_tokens: 1
initial_token: ${String(initialToken)}
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
dynamic_snitch: false
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "${seedAddress}:${options.storagePort}"
auto_bootstrap: false
listen_address: ${address}
rpc_address: ${address}
native_transport_port: ${options.nativePort}
storage_port: ${options.storagePort}
start_native_transport: true
data_file_directories: [${dir('data')}]
commitlog_directory: ${dir('commitlog')}
saved_caches_directory: ${dir('saved_caches')}
hints_directory: ${dir('hints')}
cdc_raw_directory: ${dir('cdc_raw')}
commitlog_sync: group
commitlog_sync_group_window: ${options.commitLogWindowMs}ms
commitlog_segment_size: 32MiB
commitlog_total_space: 512MiB
paxos_variant: v2
auto_snapshot: false
snapshot_before_compaction: false
hinted_handoff_enabled: true
concurrent_reads: 16
concurrent_writes: 32
concurrent_counter_writes: 2
concurrent_compactors: 1
memtable_flush_writers: 1
disk_failure_policy: die
commit_failure_policy: die
memtable_allocation_type: heap_buffers
memtable:
  configurations:
    trie:
      class_name: TrieMemtable
    default:
      inherits: trie
sstable:
  selected_format: bti
storage_compatibility_mode: NONE
key_cache_size: 0MiB
user_defined_functions_enabled: false
materialized_views_enabled: false
sasi_indexes_enabled: false
${options.moreSettings ?? ''}`;
}

export const logbackXml = `<configuration>
  <appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="STDOUT" /></root>
</configuration>
`;

/** JDK module internals that Cassandra accesses (from conf/jvm17-server.options of its distribution). */
const exported = [
  'java.base/jdk.internal.misc',
  'java.base/jdk.internal.ref',
  'java.base/sun.nio.ch',
  'java.base/java.lang.ref',
  'java.management.rmi/com.sun.jmx.remote.internal.rmi',
  'java.rmi/sun.rmi.registry',
  'java.rmi/sun.rmi.server',
  'java.sql/java.sql',
  'jdk.unsupported/sun.misc',
  'jdk.attach/sun.tools.attach',
  'jdk.compiler/com.sun.tools.javac.file',
];
const opened = [
  'java.base/java.lang.module',
  'java.base/java.lang.reflect',
  'java.base/jdk.internal.loader',
  'java.base/jdk.internal.ref',
  'java.base/jdk.internal.reflect',
  'java.base/jdk.internal.math',
  'java.base/jdk.internal.module',
  'java.base/jdk.internal.util.jar',
  'java.base/sun.nio.ch',
  'java.base/java.io',
  'java.base/java.nio',
  'java.base/java.util',
  'java.base/java.util.concurrent',
  'java.base/java.util.concurrent.atomic',
  'java.base/java.lang',
  'jdk.management/com.sun.management.internal',
  'jdk.compiler/com.sun.tools.javac',
];

/**
 * A ring node gives up if nobody answers its first gossip within about twice the delay, so the delay must allow for
 * busy cores. Several nodes on one machine are for tests only: with the quick compiler alone they start in half the
 * time.
 */
const ringArguments = ['-Dcassandra.ring_delay_ms=5000', '-XX:TieredStopAtLevel=1'];

export function javaArguments(options: CassandraNodeOptions, confDir: string, libDir: string): readonly string[] {
  const heap = `${options.heapMb}m`;
  return [
    '-cp',
    `${confDir}:${join(libDir, '*')}`,
    ...exported.flatMap((module) => ['--add-exports', `${module}=ALL-UNNAMED`]),
    ...opened.flatMap((module) => ['--add-opens', `${module}=ALL-UNNAMED`]),
    '-Djdk.attach.allowAttachSelf=true',
    '-Dio.netty.tryReflectionSetAccessible=true',
    '-Dio.netty.allocator.useCacheForAllThreads=true',
    '-Dio.netty.allocator.maxOrder=11',
    '-XX:+UseG1GC',
    '-XX:+ExitOnOutOfMemoryError',
    `-Xms${heap}`,
    `-Xmx${heap}`,
    '-Xss256k',
    `-Dcassandra.config=file://${join(confDir, 'cassandra.yaml')}`,
    `-Dcassandra.storagedir=${options.dataDir}`,
    '-Dcassandra-foreground=yes',
    '-Dcassandra.skip_wait_for_gossip_to_settle=0',
    ...(options.ring === undefined ? ['-Dcassandra.ring_delay_ms=100'] : ringArguments),
    '-Dcassandra.shutdown_announce_in_ms=0',
    '-Djava.net.preferIPv4Stack=true',
    'org.apache.cassandra.service.CassandraDaemon',
  ];
}
