// `npm run soak`: see soakHelp. What it prints last is the verdict; the page and the figures lie where --report says.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { faults } from './faults.ts';
import { readSoakOptions, soakHelp, SoakUsageError } from './options.ts';
import { soakPage } from './report.ts';
import { runSoak, seconds } from './run.ts';

async function main(): Promise<number> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const options = readSoakOptions(
    process.argv.slice(2),
    faults.map(({ name }) => name),
  );
  if (options === 'help') {
    say(`${soakHelp}\n\nFaults:\n${faults.map(({ name, what }) => `  ${name.padEnd(18)} ${what}`).join('\n')}`);
    return 0;
  }
  // Everything that was started ends with this process.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  const result = await runSoak(options, say);
  mkdirSync(dirname(options.report), { recursive: true });
  writeFileSync(options.report, soakPage(options, result));
  writeFileSync(`${options.report}.json`, `${JSON.stringify({ options, ...result }, undefined, 2)}\n`);
  for (const reason of result.leftOut) say(`left out: ${reason}`);
  for (const violation of result.violations) say(`VIOLATION ${violation}`);
  say(
    `${result.jobs} jobs, ${result.faults.length} faults in ${seconds(result.tookMs)}, seed ` +
      `${options.seed}: ${result.violations.length} violations; ${options.report}`,
  );
  return result.violations.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SoakUsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
