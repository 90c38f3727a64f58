/** The published package in a project of its own: a handler in TypeScript, typed against it; a cluster; a job through the CLI. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPackage, type InstalledPackage } from '../support/installed-package.ts';
import { eventually, natsServerPath } from '../support/nats.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const modules = join(root, 'node_modules');
const readyMs = 120_000;

let installed: InstalledPackage;
let project: string;
let cluster: ChildProcess | undefined;

beforeAll(() => {
  installed = installPackage();
  ({ project } = installed);
  mkdirSync(join(project, 'handlers'));
  writeFileSync(
    join(project, 'handlers', 'greet.job.ts'),
    `import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';
export default defineHandler({
  name: 'greet', version: '1.0.0',
  input: z.object({ name: z.string() }),
  run: ({ name }, ctx) => ({ greeting: 'hello ' + name, attempt: ctx.attempt }),
});
`,
  );
});
afterAll(() => {
  cluster?.kill('SIGKILL');
  installed.remove();
});

function cli(...args: string[]): string {
  return execFileSync(process.execPath, [installed.troupe, ...args], { cwd: project, encoding: 'utf8' });
}

/** A program that uses all that is exported, checked by the compiler: what it prints, so nothing when all is well. */
function checkUse(folder: string): string {
  writeFileSync(
    join(folder, 'use.ts'),
    `import { connect } from 'troupe/client';
import { createActorSystem } from 'troupe/kernel';
import { createTestKit } from 'troupe/kernel/testkit';
import { defineHandler } from 'troupe/handlers';
import { runHandler } from 'troupe/handlers/testing';
import { supervise } from 'troupe/supervisor';
export const used = [connect, createActorSystem, createTestKit, defineHandler, runHandler, supervise];
// @ts-expect-error the types are there: a number is no address
export const refused = () => connect({ address: 1 });
`,
  );
  const config = {
    compilerOptions: { module: 'NodeNext', strict: true, noEmit: true, skipLibCheck: true, types: ['node'] },
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...config, include: ['use.ts', 'handlers'] }));
  const tsc = spawnSync(process.execPath, [join(modules, 'typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' });
  return tsc.stdout + tsc.stderr;
}

describe('a checkout that another project installs', () => {
  it('types what users import', () => {
    // What npm does for `npm i ../troupe`: a link, and the `prepare` of what is linked.
    const other = mkdtempSync(join(tmpdir(), 'troupe-link-'));
    mkdirSync(join(other, 'node_modules'));
    symlinkSync(root, join(other, 'node_modules', 'troupe'));
    symlinkSync(join(modules, '@types'), join(other, 'node_modules', '@types'));
    writeFileSync(join(other, 'package.json'), '{ "type": "module", "private": true }\n');
    execFileSync(process.execPath, [join(root, 'scripts/prepare.mjs')], { stdio: 'pipe' });
    expect(checkUse(other)).toBe('');
    rmSync(other, { recursive: true, force: true });
  });
});

describe('the package', () => {
  it('types what users import', () => {
    expect(checkUse(project)).toBe('');
  });

  it('runs a cluster below node_modules, with a handler in TypeScript', async () => {
    expect(cli('--version').trim()).toMatch(/^\d+\.\d+\.\d+$/);
    const args = [
      'dev',
      '--no-samples',
      '--handlers',
      'handlers',
      '--port',
      '0',
      '--http-port',
      '0',
      '--web-port',
      '0',
      '--set',
      'nats.port=0',
    ];
    cluster = spawn(process.execPath, [installed.troupe, ...args], {
      cwd: project,
      env: { ...process.env, TROUPE_NATS_SERVER: await natsServerPath() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [cluster.stdout, cluster.stderr])
      stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const address = (): string | undefined => /^ {2}gRPC +(\S+)$/m.exec(text)?.[1];
    await eventually(
      () => address() !== undefined || cluster?.exitCode !== null,
      readyMs,
      () => text,
    );
    const job = JSON.parse(
      cli('--address', address() ?? '', '--json', 'submit', 'greet', '{"name":"you"}', '--wait'),
    ) as object;
    expect(job).toMatchObject({ state: 'SUCCEEDED', output: { greeting: 'hello you', attempt: 1 } });
    const ended = new Promise((resolve) => cluster?.once('exit', resolve));
    cluster.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});
