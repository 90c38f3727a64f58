/** A process that owns a cell with an endless run, prints the cell's pid, and waits to be killed. */
import { startPool, zooDir } from './harness.ts';

const { pool, run } = await startPool({ handlerDirs: [zooDir], threads: 1 });
await run('endless').started;
process.stdout.write(`${pool.stats().cells[0]?.pid ?? 0}\n`);
