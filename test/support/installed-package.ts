/** The published package as an installer would lay it out: in the node_modules of a project of its own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const modules = join(root, 'node_modules');

export interface InstalledPackage {
  /** The project that depends on it, an ES module. */
  readonly project: string;
  readonly troupe: string;
  remove(): void;
}

/** Its dependencies are those of this checkout. */
export function installPackage(): InstalledPackage {
  const project = mkdtempSync(join(tmpdir(), 'troupe-package-'));
  const own = join(project, 'node_modules');
  mkdirSync(own);
  execFileSync(process.execPath, [join(root, 'scripts/package.mjs'), join(own, 'troupe')], { stdio: 'pipe' });
  for (const name of readdirSync(modules)) {
    if (!name.startsWith('.') && name !== 'troupe') symlinkSync(join(modules, name), join(own, name));
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }\n');
  return {
    project,
    troupe: join(own, 'troupe/scripts/troupe.mjs'),
    remove: () => rmSync(project, { recursive: true, force: true, maxRetries: 5 }),
  };
}
