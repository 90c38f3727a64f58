/**
 * Provides a real Cassandra without Docker: the server is a jar on Maven Central, run by Java. It is downloaded once
 * into the cache. If Java or Maven is missing, Docker is used instead.
 */
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TroupeError } from '../../domain/errors.ts';
import type { Logger } from '../../application/ports/runtime.ts';

const run = promisify(execFile);

/** The newest 5.0 release at the time of writing. Releases before 5.0.7 have known CVEs. */
export const cassandraVersion = '5.0.9';
/** The Java versions that Cassandra 5.0 supports. Newer ones have removed interfaces that it needs. */
const javaVersions = [17, 11];
const downloadTimeoutMs = 10 * 60_000;
const probeTimeoutMs = 20_000;

/** How to run Cassandra: with Java from a folder of jars, or as a Docker image. */
export type CassandraInstall =
  | { readonly kind: 'java'; readonly version: string; readonly javaMajor: number; readonly libDir: string }
  | { readonly kind: 'docker'; readonly version: string; readonly image: string };

function pomOf(version: string): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>troupe</groupId><artifactId>cassandra-server</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>${version}</version>
  </dependency></dependencies>
</project>
`;
}

/**
 * Parses `openjdk version "17.0.15"` on stderr. Java 8 and older report `1.8`, which reads as 1 and is refused as too
 * old.
 */
async function javaMajor(): Promise<number | undefined> {
  try {
    const { stderr } = await run('java', ['-version'], { timeout: probeTimeoutMs });
    const major = /version "(\d+)/.exec(stderr)?.[1];
    return major === undefined ? undefined : Number(major);
  } catch {
    return undefined;
  }
}

async function works(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, [...args], { timeout: probeTimeoutMs });
    return true;
  } catch {
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Downloads into a temporary folder and renames it when complete, so that a partial download is never mistaken for an
 * install.
 */
async function download(folder: string, cacheDir: string): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const draft = await mkdtemp(join(cacheDir, 'download-'));
  try {
    await writeFile(join(draft, 'pom.xml'), pomOf(cassandraVersion));
    const goal = ['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=lib'];
    await run('mvn', goal, { cwd: draft, timeout: downloadTimeoutMs, maxBuffer: 16 << 20 });
    await rename(draft, folder);
  } catch (error) {
    // If another process finished first, its install is just as good.
    if (await exists(join(folder, 'lib'))) return;
    throw new TroupeError('STORE_UNAVAILABLE', {
      message: `Cassandra ${cassandraVersion} could not be downloaded: 'mvn dependency:copy-dependencies' failed; is Maven Central reachable?`,
      cause: error,
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Uses the official image. This needs a Docker daemon, which not every test machine has. */
async function dockerInstall(missing: string): Promise<CassandraInstall> {
  if (await works('docker', ['info'])) {
    return { kind: 'docker', version: cassandraVersion, image: `cassandra:${cassandraVersion}` };
  }
  throw new TroupeError('STORE_UNAVAILABLE', {
    message: `Cassandra needs ${missing}: install a JDK 17 and Maven (Debian: apt-get install openjdk-17-jdk-headless maven), or start Docker, or set TROUPE_CASSANDRA=host:port to use a Cassandra that runs already`,
  });
}

/**
 * Returns a Cassandra that can be started, downloading it if necessary. Rejects with STORE_UNAVAILABLE and says what to
 * install.
 */
export async function provisionCassandra(options: {
  /** For example `~/.cache/troupe`. */
  readonly cacheDir: string;
  readonly log: Logger;
}): Promise<CassandraInstall> {
  const major = await javaMajor();
  if (major === undefined || !javaVersions.includes(major)) {
    return dockerInstall(major === undefined ? 'Java' : `Java 17 (found ${major})`);
  }
  const folder = join(options.cacheDir, `cassandra-${cassandraVersion}`);
  const libDir = join(folder, 'lib');
  if (!(await exists(libDir))) {
    if (!(await works('mvn', ['--version']))) return dockerInstall('Maven');
    options.log.info({ version: cassandraVersion, folder }, 'downloading cassandra from maven central, about 70 MB');
    await download(folder, options.cacheDir);
  }
  return { kind: 'java', version: cassandraVersion, javaMajor: major, libDir };
}
