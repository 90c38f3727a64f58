/** Writes docs/state-machine.md from the table in src/domain/state-machine.ts. With `--check` it only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { stateMachineDocument } from '../src/domain/state-machine-document.ts';

const path = new URL('../docs/state-machine.md', import.meta.url);
const text = stateMachineDocument();
if (!process.argv.includes('--check')) writeFileSync(path, text);
else if (readFileSync(path, 'utf8') !== text) {
  process.stderr.write('docs/state-machine.md is not in step: run `npm run docs:state-machine`\n');
  process.exitCode = 1;
}
