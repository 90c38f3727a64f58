/**
 * A process that owns a cell with one running attempt (an endless one, or the handler and input in its arguments). It
 * prints the process id of the cell and the first line that the attempt logs, if any, and waits to be killed.
 */
import { eventually, startPool, zooDir } from './harness.ts';

const [handler = 'endless', input = '{}'] = process.argv.slice(2);
const { pool, run } = await startPool({ handlerDirs: [zooDir], threads: 1 });
const started = run(handler, JSON.parse(input));
await started.started;
const cell = String(pool.stats().cells[0]?.pid ?? 0);
if (handler !== 'endless') await eventually('it has said something', () => started.lines.length > 0);
process.stdout.write(`${[cell, ...started.lines.slice(0, 1).map(({ text }) => text)].join(' ')}\n`);
