/** Reads what the documentation tells users to type: the lines of shell blocks, and blocks that are whole files. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface PageBlock {
  readonly language: string;
  readonly text: string;
}

export function blocksOf(page: string): readonly PageBlock[] {
  const blocks = readFileSync(`${root}${page}`, 'utf8').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, language = '', text = '']) => ({ language, text }));
}

/** Returns the block whose first line is a comment with this file name. */
export function fileInPage(page: string, name: string): string {
  const found = blocksOf(page).find(({ text }) => /^(#|\/\/) (\S+)/.exec(text)?.[2] === name);
  if (found === undefined) throw new Error(`${page} has no block that begins with the name ${name}`);
  return found.text;
}

/** The lines of the shell blocks of a page, in order. Continued lines are joined and comments removed. */
export function shellLinesOf(page: string): readonly string[] {
  return blocksOf(page)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.replaceAll(/\\\n\s*/g, '').split('\n'))
    .map((line) => line.replace(/(^|\s+)#\s.*$/, '').trim())
    .filter((line) => line !== '');
}

/** The commands of one program, in the order of the page. */
export function commandsIn(page: string, program: string): readonly string[] {
  return shellLinesOf(page).filter((line) => line.replace(/^npx /, '').startsWith(`${program} `));
}

/** Splits a command into words as a shell does. Single quotes keep words together. */
export function wordsOf(command: string): readonly string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}
