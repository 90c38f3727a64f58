/** What the sealed parts of a job are about, and the texts of people among them. */
import type { Failure, FailureCause, JobSpec } from '../../domain/job.ts';
import { given } from '../../domain/given.ts';
import { inputSubject, type SealContext, type SealKind } from './envelope.ts';
import type { PayloadOwner } from './sealed-payloads.ts';
import type { Sealer, Sealing } from './sealing.ts';

export interface SealedJob {
  readonly id: string;
  readonly spec: Pick<JobSpec, 'tenant' | 'queue' | 'handler'>;
}

export function payloadOwner({ id, spec }: SealedJob, kind: SealKind): PayloadOwner {
  return { tenant: spec.tenant, kind, subject: kind === 'input' ? inputSubject(spec) : id };
}

function textContext(job: SealedJob, kind: 'failure' | 'progress' | 'log-line', place = ''): SealContext {
  const owner = payloadOwner(job, kind);
  return { ...owner, subject: `${owner.subject}${place}`, encoding: 'json' };
}

/** What a reader without the key sees of a failure. */
const sealedMessage = 'the text of this failure is sealed';

type FailureTexts = Pick<Failure, 'message' | 'stack'> & { readonly causes?: readonly FailureCause[] };

/** Reason and code stay: retries and filters go by them. */
export function sealFailure(sealer: Sealer, job: SealedJob, failure: Failure): Failure {
  const { reason, code, message, causes, stack } = failure;
  const texts: FailureTexts = { message, ...given({ causes, stack }) };
  const sealed = sealText(sealer, textContext(job, 'failure'), JSON.stringify(texts));
  return { reason, message: sealedMessage, ...given({ code }), sealed };
}

/** Rejects as `Sealing.open` does. */
export async function openFailure(sealing: Sealing, job: SealedJob, failure: Failure): Promise<Failure> {
  const { sealed, ...shown } = failure;
  if (sealed === undefined) return failure;
  // Unchecked cast: the text is authentic, so a node has written it.
  const texts = JSON.parse(await openText(sealing, textContext(job, 'failure'), sealed)) as FailureTexts;
  return { ...shown, ...texts };
}

export function sealNote(sealer: Sealer, job: SealedJob, note: string): string {
  return sealText(sealer, textContext(job, 'progress'), note);
}

export function openNote(sealing: Sealing, job: SealedJob, sealed: string): Promise<string> {
  return openText(sealing, textContext(job, 'progress'), sealed);
}

interface LineNumber {
  readonly attempt: number;
  readonly number: number;
}

/** A line cannot be put into another place of the log. */
export function sealLine(sealer: Sealer, job: SealedJob, line: LineNumber & { readonly text: string }): string {
  return sealText(sealer, textContext(job, 'log-line', placeOf(line)), line.text);
}

export function openLine(
  sealing: Sealing,
  job: SealedJob,
  line: LineNumber & { readonly sealed: string },
): Promise<string> {
  return openText(sealing, textContext(job, 'log-line', placeOf(line)), line.sealed);
}

function placeOf({ attempt, number }: LineNumber): string {
  return `/${attempt}/${number}`;
}

function sealText(sealer: Sealer, context: SealContext, text: string): string {
  return Buffer.from(sealer.seal(context, Buffer.from(text))).toString('base64');
}

async function openText(sealing: Sealing, context: SealContext, sealed: string): Promise<string> {
  const { plain } = await sealing.open(Buffer.from(sealed, 'base64'), 'whole', context);
  return Buffer.from(plain).toString('utf8');
}
