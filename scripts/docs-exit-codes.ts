/** Writes docs/reference/exit-codes.md from the table in src/cli/errors/exit-code.ts. With `--check` it only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { exitCodesDocument } from '../src/cli/errors/exit-codes-document.ts';

const path = new URL('../docs/reference/exit-codes.md', import.meta.url);
const text = exitCodesDocument();
if (!process.argv.includes('--check')) writeFileSync(path, text);
else if (readFileSync(path, 'utf8') !== text) {
  process.stderr.write('docs/reference/exit-codes.md is not in step: run `npm run docs:exit-codes`\n');
  process.exitCode = 1;
}
