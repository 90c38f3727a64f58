/**
 * A process of a cluster with a fault during its start: `start-fault-main.ts dev|serve FAULT STEP KEY=VALUE...`.
 * At that step it prints `at STEP` to standard error and then causes the fault.
 */
import { runDev } from '../../src/cli/dev/dev.ts';
import { runServe } from '../../src/cli/processes/serve.ts';
import { processTerminal } from '../../src/cli/text/terminal.ts';
import { loadConfig } from '../../src/config/index.ts';

const [command, fault, at, ...settings] = process.argv.slice(2);
const flags = Object.fromEntries(settings.map((setting) => setting.split(/=(.*)/s).slice(0, 2) as [string, string]));
const config = loadConfig({ env: {}, flags });
const terminal = processTerminal();

const faults: Readonly<Record<string, () => void>> = {
  fail() {
    throw new Error('injected');
  },
  uncaught() {
    setImmediate(() => {
      throw new Error('injected');
    });
  },
  unhandled: () => void Promise.reject(new Error('injected')),
  terminate: () => void process.kill(process.pid, 'SIGTERM'),
};

const onStep = (step: string): void => {
  if (step !== at) return;
  terminal.err(`at ${step}\n`);
  faults[fault ?? '']?.();
};
process.exitCode =
  command === 'dev'
    ? await runDev({ config, samples: false, demo: false, terminal, onStep })
    : await runServe({ config, terminal, onStep });
