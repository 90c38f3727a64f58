/** `troupe drain`, `quarantine`, `resume`, `profile`: commands that need the operator's token. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { QueueInfo } from '../../client/index.ts';
import { type CommandContext, type Session, withSession } from '../calls/command-context.ts';
import { oneLine } from '../../domain/printable.ts';
import { exitCodes, UsageError } from '../errors/exit-code.ts';
import { writeResult } from '../calls/output-file.ts';
import { documentLine } from '../text/job-document.ts';

const waitPollMs = 500;
const profileMaxSeconds = 60;

export function addDrainCommand(program: Command, context: CommandContext): void {
  program
    .command('drain <node>')
    .description('end a node as SIGTERM would: attempts may finish, shards move to other nodes, nothing is lost')
    .option('--wait', 'wait until the node has left the cluster')
    .action(async (node: string, flags: { readonly wait?: boolean }, command: Command) => {
      await withSession(context, command, async (session) => {
        const drained = await session.client.cluster.drainNode(node);
        if (flags.wait === true) await untilGone(context, session, node);
        const line = flags.wait === true ? `${node} has left the cluster\n` : `${node} is draining\n`;
        context.terminal.out(session.isJson ? documentLine(drained) : line);
      });
      context.done(exitCodes.ok);
    });
}

/** Waits until the node has gone. It may come back at once under the same id, but then with another incarnation. */
async function untilGone(context: CommandContext, { client }: Session, node: string): Promise<void> {
  const { signal } = context;
  const former = (await client.cluster.nodes()).find(({ id }) => id === node)?.incarnation;
  for (;;) {
    const present = (await client.cluster.nodes()).find(({ id }) => id === node)?.incarnation;
    if (present === undefined || present !== former) return;
    await sleep(waitPollMs, undefined, { signal });
  }
}

function stateLine({ name, quarantines }: QueueInfo): string {
  if (quarantines.length === 0) return `${name} is not in quarantine\n`;
  return quarantines
    .map(({ node, reason }) => `${name} is in quarantine on ${node ?? 'all nodes'}: ${oneLine(reason)}\n`)
    .join('');
}

export function addQuarantineCommands(program: Command, context: CommandContext): void {
  program
    .command('quarantine <queue>')
    .description('start no job of a queue until it is resumed; its jobs wait, and none is lost')
    .requiredOption('--reason <text>', 'reason, shown beside the queue')
    .action(async (queue: string, { reason }: { readonly reason: string }, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const stopped = await client.cluster.quarantineQueue(queue, reason);
        context.terminal.out(isJson ? documentLine(stopped) : stateLine(stopped));
      });
      context.done(exitCodes.ok);
    });
  program
    .command('resume <queue>')
    .description('end the quarantine of a queue')
    .action(async (queue: string, _flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const resumed = await client.cluster.resumeQueue(queue);
        context.terminal.out(isJson ? documentLine(resumed) : stateLine(resumed));
      });
      context.done(exitCodes.ok);
    });
}

function secondsFlag(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds < 1 || seconds > profileMaxSeconds) {
    throw new UsageError(`--seconds ${text}: must be a number from 1 to ${profileMaxSeconds}`);
  }
  return seconds;
}

export function addProfileCommand(program: Command, context: CommandContext): void {
  program
    .command('profile <job>')
    .description('record a CPU profile of a running job; Chrome developer tools open the file')
    .option('--seconds <number>', 'duration, 1 to 60 seconds', secondsFlag, 5)
    .option('--output <file>', 'file to write (default: JOB.cpuprofile)')
    .action(async (job: string, flags: { readonly seconds: number; readonly output?: string }, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const durationMs = Math.round(flags.seconds * 1_000);
        const profile = await client.cluster.profileRun(job, { durationMs, signal: context.signal });
        const path = flags.output ?? `${job}.cpuprofile`;
        writeResult(path, profile);
        const said = { job, path, bytes: profile.byteLength };
        context.terminal.out(isJson ? documentLine(said) : `${path}  ${profile.byteLength} bytes\n`);
      });
      context.done(exitCodes.ok);
    });
}
