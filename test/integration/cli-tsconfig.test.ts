// `troupe tsconfig DIR`: a folder with nothing but a handler is checked as an editor would.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { hasTsconfig } from '../../src/cli/processes/handler-tsconfig.ts';
import { fileInPage } from '../support/docs-commands.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';

const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-tsconfig-'));
  writeFileSync(join(folder, 'primes.job.ts'), fileInPage('README.md', 'handlers/primes.job.ts'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function troupe(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = recordedTerminal();
  return { code: await runCli(args, { terminal }), ...terminal.written };
}

/** What the compiler prints: nothing when all is well. */
function check(): string {
  try {
    return execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

describe('troupe tsconfig', () => {
  it('lets an editor check the handler of the README, tests of handlers included', async () => {
    expect(hasTsconfig(folder)).toBe(false);
    expect(await troupe('tsconfig', folder)).toMatchObject({ code: 0, out: `${join(folder, 'tsconfig.json')}\n` });
    expect(hasTsconfig(folder)).toBe(true);
    const uses = `import { readFileSync } from 'node:fs';
import { runHandler } from 'troupe/handlers/testing';
import primes from './primes.job.ts';
export const run = (): unknown => runHandler(primes, { below: Number(readFileSync('n', 'utf8')) });
`;
    writeFileSync(join(folder, 'primes.check.ts'), uses);
    expect(check()).toBe('');
  });

  it('shows a type that is wrong, and syntax that Node cannot strip', () => {
    const wrong = `import primes from './primes.job.ts';
enum Size { Small }
export const name: number = primes.name;
export { Size };
`;
    writeFileSync(join(folder, 'wrong.ts'), wrong);
    const said = check();
    expect(said).toContain("Type 'string' is not assignable to type 'number'");
    expect(said).toContain("not allowed when 'erasableSyntaxOnly' is enabled");
  });

  it('leaves a file that is there as it is, and says what it needs', async () => {
    writeFileSync(join(folder, 'tsconfig.json'), '{}');
    const { code, err } = await troupe('tsconfig', folder);
    expect(code).toBe(2);
    expect(err).toContain('already exists');
    expect(err).toContain('"troupe/handlers"');
    expect(readFileSync(join(folder, 'tsconfig.json'), 'utf8')).toBe('{}');
  });

  it('names a folder that is none', async () => {
    const missing = join(folder, 'missing');
    expect(await troupe('tsconfig', missing)).toMatchObject({
      code: 2,
      err: `troupe: ${missing} is not a folder; create it first\n`,
    });
  });
});
