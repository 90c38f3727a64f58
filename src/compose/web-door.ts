/** The door of a gateway for browsers and curl, from the configuration. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/index.ts';
import { type ConsoleAssets, readConsoleAssets } from '../gateway/web/console-assets.ts';
import type { WebOptions } from '../gateway/web/web-listener.ts';
import type { ProcessRuntime } from './runtime.ts';

/** Where the built console is: in a checkout, whose code is TypeScript, and in the package. */
const consoleFolder = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../build/console' : '../../console', import.meta.url),
);

/** Undefined: there is no door. */
export function webOptions(
  { web }: Pick<Config['gateway'], 'web'>,
  { log }: Pick<ProcessRuntime, 'log'>,
): WebOptions | undefined {
  const { port, hosts } = web;
  if (port === undefined) return undefined;
  return { port, hosts, console: web.console ? builtConsole(log) : undefined };
}

function builtConsole(log: ProcessRuntime['log']): ConsoleAssets | undefined {
  if (existsSync(join(consoleFolder, 'index.html'))) return readConsoleAssets(consoleFolder);
  log.info({ event: 'web.no-console', folder: consoleFolder }, 'the console is not in this build');
  return undefined;
}
