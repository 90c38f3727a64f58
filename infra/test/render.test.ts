import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../src/render.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'troupe-render-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What it says to people; rejects where it fails. */
async function render(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [script, ...args], {
    env: { ...process.env, INIT_CWD: folder },
  });
  return stdout + stderr;
}

describe('infra:render', () => {
  it('prints the objects', async () => {
    expect(await render('staging')).toContain('kind: Deployment');
  });

  it('writes them into a folder relative to where it was called, and takes away what is no more', async () => {
    expect(await render('staging', '--out', 'one')).toMatch(/^\d+ files in /);
    const files = readdirSync(join(folder, 'one', 'app'));
    writeFileSync(join(folder, 'one', 'app', 'deployment-of-yesterday.yaml'), '');
    await render('staging', '--out', 'one');
    expect(readdirSync(join(folder, 'one', 'app'))).toEqual(files);
  });

  it.each([
    ['nothing', [], 'usage: '],
    [
      'a name that is none',
      ['prodction'],
      'there is no environment prodction; those that are: eks, production, staging',
    ],
    ['an environment without Kubernetes', ['local'], 'local is not on Kubernetes'],
    ['an option that is none', ['staging', '--output', 'x'], "Unknown option '--output'"],
  ])('refuses %s', async (_, args, message) => {
    await expect(render(...args)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining(message) as string,
    });
  });

  it('touches no folder that has something else in it', async () => {
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    await expect(render('staging', '--out', '.')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('files that are not of infra:render') as string,
    });
    expect(readdirSync(folder)).toContain('notes.txt');
  });
});
