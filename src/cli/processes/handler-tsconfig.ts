/**
 * The `tsconfig.json` with which an editor checks handlers in a folder without installed packages. It resolves what a
 * thread resolves there, `troupe/handlers` and `zod`, to this installation. Only editors read it: Node runs the files
 * directly.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { given } from '../../domain/given.ts';

/** True if the folder or a parent has a tsconfig.json that an editor would use. */
export function hasTsconfig(folder: string): boolean {
  let at = resolve(folder);
  for (;;) {
    if (existsSync(join(at, 'tsconfig.json'))) return true;
    const above = dirname(at);
    if (above === at) return false;
    at = above;
  }
}

/** `root` is the folder of the installation: a checkout with sources, or a package with built files. */
export function handlerTsconfig(root: string): string {
  const file = (name: string): string => {
    const source = join(root, 'src', 'handlers', `${name}.ts`);
    return existsSync(source) ? source : join(root, 'dist', 'handlers', `${name}.d.ts`);
  };
  const nodeTypes = folderOf('@types/node', root);
  const zod = folderOf('zod', root);
  const compilerOptions = {
    target: 'ES2024',
    lib: ['ES2024', 'ESNext.Disposable'],
    module: 'preserve',
    strict: true,
    // Node only strips types. So the editor should refuse what Node cannot strip.
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    skipLibCheck: true,
    noEmit: true,
    paths: {
      'troupe/handlers': [file('index')],
      'troupe/handlers/testing': [file('testing')],
      ...given({ zod: zod === undefined ? undefined : [zod], 'zod/*': zod === undefined ? undefined : [`${zod}/*`] }),
    },
    ...(nodeTypes === undefined ? { types: [] } : { types: ['node'], typeRoots: [dirname(nodeTypes)] }),
  };
  return `${JSON.stringify({ compilerOptions, include: ['.'] }, undefined, 2)}\n`;
}

function folderOf(name: string, root: string): string | undefined {
  try {
    return dirname(createRequire(join(root, 'package.json')).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}
