/**
 * The `tsconfig.json` by which an editor checks handlers in a folder that has nothing installed: it finds what a thread
 * finds there, `troupe/handlers` and `zod`, in this installation. Only for reading: Node runs the files as they are.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

/** Of the folder itself, or of a folder above it: whatever an editor would take. */
export function hasTsconfig(folder: string): boolean {
  let at = resolve(folder);
  for (;;) {
    if (existsSync(join(at, 'tsconfig.json'))) return true;
    const above = dirname(at);
    if (above === at) return false;
    at = above;
  }
}

/** `root` is the folder of the installation: a checkout with its sources, or a package with what was built of them. */
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
    // Node strips types and does nothing else: what it cannot strip, the editor refuses.
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    skipLibCheck: true,
    noEmit: true,
    paths: {
      'troupe/handlers': [file('index')],
      'troupe/handlers/testing': [file('testing')],
      ...(zod !== undefined && { zod: [zod], 'zod/*': [`${zod}/*`] }),
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
