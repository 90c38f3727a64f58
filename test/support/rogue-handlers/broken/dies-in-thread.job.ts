import { workerData } from 'node:worker_threads';
import { defineHandler } from 'troupe/handlers';

// Loads fine where handlers are inspected, but kills each thread that is to run it.
if (typeof workerData === 'object' && workerData !== null && 'slot' in workerData) process.exit(9);

export default defineHandler({ name: 'dies-in-thread', run: () => 'never' });
