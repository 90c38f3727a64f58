/**
 * Replaces the image `cassandra`, built from this machine's Java and jars. It keeps the settings in which the image
 * differs from our tests: a commit log that is flushed every ten seconds, Paxos v1, and `JVM_EXTRA_OPTS` to change
 * them.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { cassandraYaml, javaArguments, logbackXml } from '../../../src/backing/cassandra/cassandra-config.ts';
import { provisionCassandra } from '../../../src/backing/cassandra/cassandra-install.ts';
import { cassandraCacheDir } from '../cassandra-global.ts';
import { silentLog } from '../stores.ts';
import type { Docker } from './docker.ts';
import { librariesOf, placeLibrary } from './stand-in-images.ts';

const run = promisify(execFile);
const home = '/opt/cassandra';
const options = { dataDir: '/var/lib/cassandra', nativePort: 9_042, storagePort: 7_000, heapMb: 512 } as const;

/** The configuration of our tests, with the settings of the image restored. */
function imageYaml(): string {
  return cassandraYaml({ ...options, commitLogWindowMs: 1 })
    .replace(
      'commitlog_sync: group\ncommitlog_sync_group_window: 1ms',
      'commitlog_sync: periodic\ncommitlog_sync_period: 10000ms',
    )
    .replace('paxos_variant: v2\n', '')
    .replace('listen_address: 127.0.0.1', 'listen_address: @address@')
    .replace('rpc_address: 127.0.0.1', 'rpc_address: 0.0.0.0\nbroadcast_rpc_address: @address@')
    .replace('127.0.0.1:7000', '@address@:7000');
}

/** The last address in /etc/hosts is the container's own. This Cassandra lives for a minute: the quick compiler will do. */
function entryScript(): string {
  const java = javaArguments({ ...options, commitLogWindowMs: 1 }, `${home}/conf`, `${home}/lib`);
  return `#!/bin/bash
while read -r first rest; do [ -n "$first" ] && address=$first; done < /etc/hosts
template=$(< ${home}/conf/cassandra.yaml.in)
printf '%s\\n' "\${template//@address@/$address}" > ${home}/conf/cassandra.yaml
export JAVA_TOOL_OPTIONS="$JVM_EXTRA_OPTS -XX:TieredStopAtLevel=1"
exec /opt/java/bin/java ${java.map((argument) => `'${argument}'`).join(' ')}
`;
}

async function javaHome(): Promise<string> {
  const { stdout } = await run('sh', ['-c', 'command -v java']);
  return join(dirname(realpathSync(stdout.trim())), '..');
}

/** Copies Java without the parts that only compilation needs. */
function copyJava(from: string, to: string): void {
  const unneeded = new Set(['jmods', 'include', 'man', 'demo', 'src.zip', 'docs']);
  cpSync(from, to, {
    recursive: true,
    dereference: true,
    filter: (source) => existsSync(source) && !unneeded.has(source.slice(from.length + 1).split('/')[0] ?? ''),
  });
}

/** Builds the image and returns its name, or the reason why it cannot be built. */
export async function buildCassandra(
  docker: Docker,
  folder: string,
  base: string,
): Promise<{ image: string } | string> {
  const install = await provisionCassandra({ cacheDir: cassandraCacheDir(), log: silentLog }).catch(String);
  if (typeof install === 'string') return install;
  if (install.kind !== 'java') return 'there is no Java for a Cassandra';
  const context = join(folder, 'cassandra');
  mkdirSync(join(context, 'conf'), { recursive: true });
  const java = await javaHome();
  copyJava(java, join(context, 'java'));
  const natives = readdirSync(join(java, 'lib')).filter((name) => name.endsWith('.so'));
  const loaded = [join(java, 'bin', 'java'), ...natives.map((name) => join(java, 'lib', name))];
  const libraries = await librariesOf([...loaded, join(java, 'lib', 'server', 'libjvm.so')]);
  for (const library of libraries.filter((path) => !path.startsWith(java)))
    placeLibrary(join(context, 'root'), library);
  cpSync(install.libDir, join(context, 'lib'), { recursive: true });
  writeFileSync(join(context, 'conf', 'cassandra.yaml.in'), imageYaml());
  writeFileSync(join(context, 'conf', 'logback.xml'), logbackXml);
  writeFileSync(join(context, 'entry'), entryScript(), { mode: 0o755 });
  const lines = [
    `FROM ${base}`,
    'COPY root /',
    'COPY java /opt/java',
    `COPY lib ${home}/lib`,
    `COPY conf ${home}/conf`,
    'COPY entry /usr/local/bin/entry',
    `VOLUME ${options.dataDir}`,
    'ENTRYPOINT ["entry"]',
  ];
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
  const image = 'troupe-test-cassandra:local';
  await docker.run(['build', '--tag', image, context]);
  return { image };
}
