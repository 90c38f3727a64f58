// The soak itself, small: what it says of a cluster that keeps its promises, and what of a wrong command line.
import { describe, expect, it } from 'vitest';
import { faults } from '../soak/faults.ts';
import { readSoakOptions, type SoakOptions, SoakUsageError } from '../soak/options.ts';
import { soakPage } from '../soak/report.ts';
import { runSoak } from '../soak/run.ts';

const names = faults.map(({ name }) => name);

function options(...argv: string[]): SoakOptions {
  const read = readSoakOptions(argv, names);
  if (read === 'help') throw new Error('no help was asked for');
  return read;
}

describe('the soak', () => {
  it('finds nothing wrong with a cluster whose node, cell and nats-server are killed', async () => {
    const asked = options('--jobs', '80', '--faults', '4', '--seed', '7', '--only', 'node-kill,cell-kill,broker-kill');
    const result = await runSoak(asked, (line) => process.stderr.write(`${line}\n`));
    expect(result.violations).toEqual([]);
    expect(result.faults).toHaveLength(4);
    expect(result.jobs).toBeGreaterThanOrEqual(80);
    expect(result.events).toBeGreaterThan(result.jobs);
    expect(soakPage(asked, result)).toContain('Every promise was kept.');
  });

  it('shows what was wrong, in words that are no markup', () => {
    const nothing = { jobs: 1, tookMs: 1, events: 0, faults: [], refusals: {}, leftOut: [] };
    const page = soakPage(options(), { ...nothing, violations: ['job <b> & "c" was lost'] });
    expect(page).toContain('<li>job &lt;b&gt; &amp; "c" was lost</li>');
    expect(page).not.toContain('Every promise was kept.');
  });

  it.each([
    [['--jobs', '0'], '--jobs must be a whole number from 1'],
    [['--faults', '1.5'], '--faults must be a whole number'],
    [['--store', 'postgres'], '--store must be sqlite or cassandra'],
    [['--only', 'node-kill,earthquake'], 'no fault with earthquake'],
    [['--job', '1'], "'--job'"],
  ])('refuses %j by its name', (argv, complaint) => {
    expect(() => options(...argv)).toThrow(SoakUsageError);
    expect(() => options(...argv)).toThrow(complaint);
  });

  it('has a name of its own for each fault', () => {
    expect(new Set(names).size).toBe(names.length);
  });
});
