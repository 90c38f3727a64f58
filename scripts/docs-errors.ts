/** Writes docs/reference/errors.md from the error registry and the status table. With `--check` it only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { errorsDocument } from '../src/gateway/errors-document.ts';

const path = new URL('../docs/reference/errors.md', import.meta.url);
const text = errorsDocument();
if (!process.argv.includes('--check')) writeFileSync(path, text);
else if (readFileSync(path, 'utf8') !== text) {
  process.stderr.write('docs/reference/errors.md is not in step: run `npm run docs:errors`\n');
  process.exitCode = 1;
}
