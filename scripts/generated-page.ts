/** A page of the docs that is generated from code: written, or with `--check` only compared. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** `page` is a path from the root of the project, `command` the npm script that writes it. */
export function keepPage(page: string, text: string, command: string): void {
  const path = new URL(`../${page}`, import.meta.url);
  if (!process.argv.includes('--check')) writeFileSync(path, text);
  else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
    process.stderr.write(`${page} is not in step: run \`npm run ${command}\`\n`);
    process.exitCode = 1;
  }
}
