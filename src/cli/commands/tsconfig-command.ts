/**
 * `troupe tsconfig DIR`: writes a tsconfig.json that gives editors types in a folder of handlers without installed
 * packages.
 */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { CommandContext } from '../calls/command-context.ts';
import { exitCodes, UsageError } from '../errors/exit-code.ts';
import { handlerTsconfig } from '../processes/handler-tsconfig.ts';
import { packageRoot } from '../processes/package-facts.ts';

export function addTsconfigCommand(program: Command, { terminal, done }: CommandContext): void {
  program
    .command('tsconfig <dir>')
    .description('write a tsconfig.json with which editors and tsc check the handlers in this folder')
    .action((dir: string) => {
      const file = join(dir, 'tsconfig.json');
      if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true)
        throw new UsageError(`${dir} is not a folder; create it first`);
      write(file, handlerTsconfig(packageRoot));
      terminal.out(`${file}\n`);
      done(exitCodes.ok);
    });
}

/** Never overwrites an existing file. */
function write(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST')
      throw new UsageError(`${file} already exists and was not changed; it needs these options:\n${text}`);
    throw new UsageError(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}
