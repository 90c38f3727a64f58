/** Looks for a word wherever a cluster leaves something: in files, in what passes NATS, in logs and in metrics. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Each form in which the word can lie among other bytes: as it is, and in base64 with any bytes before it. */
function formsOf(word: string): readonly string[] {
  const inBase64 = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), Buffer.from(word)])
      .toString('base64')
      .replace(/=+$/, '');
    // Characters at both ends depend on the bytes around the word.
    return text.slice(before === 0 ? 0 : before + 1, -1);
  });
  return [word, ...inBase64, ...inBase64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))];
}

export function holds(content: Uint8Array | string, word: string): boolean {
  const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
  return formsOf(word).some((form) => bytes.includes(form));
}

/** Paths of the files below the folder that hold the word. */
export async function filesWith(folder: string, word: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    // It may be gone meanwhile.
    const content = await readFile(path).catch(() => Buffer.alloc(0));
    if (holds(content, word)) found.push(path);
  }
  return found;
}
