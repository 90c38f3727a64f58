// Writes docs/reference/configuration.md from the schema. With `--check` it only compares.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configurationReference } from '../src/config/reference.ts';

const page = fileURLToPath(new URL('../docs/reference/configuration.md', import.meta.url));

function present(): string {
  try {
    return readFileSync(page, 'utf8');
  } catch {
    return '';
  }
}

const wanted = configurationReference();
if (!process.argv.includes('--check')) {
  mkdirSync(fileURLToPath(new URL('.', new URL('../docs/reference/configuration.md', import.meta.url))), {
    recursive: true,
  });
  writeFileSync(page, wanted);
} else if (present() !== wanted) {
  console.error('docs/reference/configuration.md is not what src/config says: run `npm run docs:config`');
  process.exitCode = 1;
}
