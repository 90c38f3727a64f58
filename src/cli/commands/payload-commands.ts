/** `troupe output`, `link`, `erase`: read and erase the inputs and outputs of jobs. */
import { open, rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { type CommandContext, withSession } from '../calls/command-context.ts';
import { eachJob } from '../calls/each-job.ts';
import { fileProblem } from '../errors/file-problem.ts';
import { exitCodes } from '../errors/exit-code.ts';
import { documentLine, jobDocument } from '../text/job-document.ts';

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

/** Writes to a temporary name and renames, so that the file exists only when it is complete. */
async function saveTo(file: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const partial = `${file}.part`;
  try {
    const target = await open(partial, 'w').catch((error: unknown) => {
      throw fileProblem(partial, 'written', error);
    });
    await pipeline(Readable.from(pieces), target.createWriteStream());
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw isSystemError(error) ? fileProblem(file, 'written', error) : error;
  }
}

export function addOutputCommand(program: Command, context: CommandContext): void {
  program
    .command('output <job>')
    .description('write the stored output of a job to a file, of any size')
    .requiredOption('--to <file>', 'file to write; FILE.part until it is complete')
    .option('--input', 'write the input of the job instead of its output')
    .action(async (id: string, flags: { readonly to: string; readonly input?: boolean }, command: Command) => {
      const payload = flags.input === true ? 'input' : 'output';
      await withSession(context, command, ({ client }) =>
        saveTo(flags.to, client.download(id, { payload, signal: context.signal })),
      );
      context.done(exitCodes.ok);
    });
}

export function addLinkCommand(program: Command, context: CommandContext): void {
  program
    .command('link <job>')
    .description(
      'print a link to the output of a job in the bucket, for any HTTP client; who has it needs no other right',
    )
    .option('--input', 'a link to the input of the job instead of its output')
    .action(async (id: string, flags: { readonly input?: boolean }, command: Command) => {
      const { terminal, signal } = context;
      await withSession(context, command, async ({ client, isJson }) => {
        const payload = flags.input === true ? 'input' : 'output';
        const { sha256, ...link } = await client.payloadLink(id, { payload, signal });
        const document = { ...link, sha256: Buffer.from(sha256).toString('hex') };
        terminal.out(isJson ? documentLine(document) : `${link.url}\n`);
      });
      context.done(exitCodes.ok);
    });
}

export function addEraseCommand(program: Command, context: CommandContext): void {
  program
    .command('erase <job...>')
    .description('erase input and output of ended jobs, at once and for good; the jobs themselves stay')
    .action(async (ids: readonly string[], _flags: unknown, command: Command) => {
      const { terminal, signal } = context;
      const code = await withSession(context, command, (session) =>
        eachJob(context, session, ids, async (id) => {
          const job = await session.client.erasePayloads(id, { signal });
          terminal.out(session.isJson ? documentLine(jobDocument(job)) : `${job.id}  ${job.state}, payloads erased\n`);
        }),
      );
      context.done(code);
    });
}
