/** Tests for actors, in virtual time and in a seeded order. */
export { createProbe } from './probe.ts';
export type { Probe, ProbeHost } from './probe.ts';
export { createRecordingLogger, createRecordingTelemetry } from './recorders.ts';
export type { LogEntry, RecordingTelemetry } from './recorders.ts';
export { createSeededRandom } from './seeded-random.ts';
export { createSeededScheduler } from './seeded-scheduler.ts';
export type { SeededScheduler } from './seeded-scheduler.ts';
export { createTestKit, underInterleavings } from './test-kit.ts';
export type { InterleavingOptions, TestKit } from './test-kit.ts';
export { createVirtualClock } from './virtual-clock.ts';
export type { VirtualClock } from './virtual-clock.ts';
