/** Asks Troupe itself whether it takes a configuration. In a process of its own, because infra/ imports nothing of it. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('load-troupe-config.mjs', import.meta.url));
const loader = new URL('../../../src/config/index.ts', import.meta.url).href;

export interface GivenConfig {
  readonly name: string;
  readonly text: string;
  readonly env: Readonly<Record<string, string>>;
}

export async function troupeConfigProblems(configurations: readonly GivenConfig[]): Promise<unknown> {
  const child = spawn(process.execPath, [script, loader], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(configurations));
  return JSON.parse(await text(child.stdout));
}
