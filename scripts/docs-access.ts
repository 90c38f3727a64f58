/** Writes docs/reference/access.md from permissions, roles and the contract. With `--check` it only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { accessDocument } from '../src/gateway/access/access-document.ts';

const path = new URL('../docs/reference/access.md', import.meta.url);
const text = accessDocument();
if (!process.argv.includes('--check')) writeFileSync(path, text);
else if (readFileSync(path, 'utf8') !== text) {
  process.stderr.write('docs/reference/access.md is not in step: run `npm run docs:access`\n');
  process.exitCode = 1;
}
