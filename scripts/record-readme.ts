// Writes docs/recording.svg, the picture in the README: runs `troupe dev` and some commands in a temporary folder, and
// draws their output. The usual ports must be free. Log lines are left out, as on a quiet terminal.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const troupe = join(root, 'scripts/troupe.mjs');
const commands: readonly (readonly string[])[] = [
  ['submit', 'image.thumbnail', '--each', 'examples/data/*.jpg', '--wait'],
  ['list', '--limit', '5'],
  ['tree'],
];
const columns = 112;
const charWidth = 7.8;
const lineHeight = 18;
const margin = 16;
const readyTimeoutMs = 120_000;
const commandTimeoutMs = 120_000;
const colours = { background: '#1b1f27', text: '#d7dce5', command: '#8fd18f' };

function quoted(word: string): string {
  return /^[\w./=-]+$/.test(word) ? word : `'${word}'`;
}

/** Starts `troupe dev`. `ready` resolves to its output up to the end of the sample jobs. */
function startDev(folder: string): { readonly child: ChildProcess; readonly ready: Promise<string> } {
  const args = ['dev', '--log-level', 'silent', '--node-id', 'laptop'];
  const child = spawn(process.execPath, [troupe, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const ready = new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`not ready:\n${said}`)), readyTimeoutMs);
    child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${said}`)));
    const read = (chunk: Buffer): void => {
      said += chunk.toString();
      if (!/sample jobs done in .*\n/.test(said)) return;
      clearTimeout(late);
      resolve(said.slice(0, said.indexOf('Try next')));
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
  });
  return { child, ready };
}

async function record(folder: string): Promise<readonly string[]> {
  symlinkSync(join(root, 'examples'), join(folder, 'examples'));
  const { child, ready } = startDev(folder);
  try {
    const lines = ['$ npm start', ...(await ready).trim().split('\n')];
    for (const words of commands) {
      const run = promisify(execFile)(process.execPath, [troupe, ...words], { cwd: folder, timeout: commandTimeoutMs });
      lines.push('', `$ npx troupe ${words.map(quoted).join(' ')}`, ...(await run).stdout.trimEnd().split('\n'));
    }
    return lines;
  } finally {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    if (child.exitCode === null) await gone;
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function svgOf(lines: readonly string[]): string {
  const width = Math.ceil(columns * charWidth + 2 * margin);
  const height = lines.length * lineHeight + 2 * margin;
  const rows = lines.map((line, at) => {
    const fill = line.startsWith('$ ') ? ` fill="${colours.command}"` : '';
    const shown = line.length > columns ? `${line.slice(0, columns - 1)}…` : line;
    return `<text x="${margin}" y="${margin + (at + 0.75) * lineHeight}"${fill}>${escaped(shown)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<!-- Recorded by \`npm run readme:recording\`. -->
<style>text { font: 13px ui-monospace, Menlo, Consolas, monospace; white-space: pre }</style>
<rect width="100%" height="100%" rx="8" fill="${colours.background}"/>
<g fill="${colours.text}" xml:space="preserve">
${rows.join('\n')}
</g>
</svg>
`;
}

const folder = mkdtempSync(join(tmpdir(), 'troupe-recording-'));
try {
  writeFileSync(join(root, 'docs/recording.svg'), svgOf(await record(folder)));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
