// Writes the table in docs/adr/README.md from the decisions beside it. With `--check` it only compares.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { keepPage } from './generated-page.ts';

const folder = fileURLToPath(new URL('../docs/adr/', import.meta.url));
const index = `${folder}README.md`;

function row(name: string): string {
  const text = readFileSync(folder + name, 'utf8');
  const title = /^# \d{4}[:.]? (.+)$/m.exec(text)?.[1] ?? '(no title of the form `# NNNN: title`)';
  const status = /^(?:\| Status \| |Status: )([a-z]+(?: by \d{4})?)/m.exec(text)?.[1] ?? '(no line `Status: accepted`)';
  return `| [${name.slice(0, 4)}](${name}) | ${title} | ${status} |`;
}

const rows = readdirSync(folder)
  .filter((name) => /^\d{4}-.+\.md$/.test(name))
  .sort()
  .map(row);
const present = readFileSync(index, 'utf8');
const head = present.slice(0, present.indexOf('| number |'));
const wanted = `${head}${['| number | decision | status |', '|---|---|---|', ...rows].join('\n')}\n`;
keepPage('docs/adr/README.md', wanted, 'docs:decisions');
