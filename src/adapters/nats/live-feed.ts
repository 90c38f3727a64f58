/**
 * Live events, progress and log notices over core NATS. Nothing is stored: a reader finds what it missed in the shard.
 */
import type { Msg } from '@nats-io/transport-node';
import { given } from '../../domain/given.ts';
import type { LiveFeed, ProgressNote } from '../../application/ports/bus.ts';
import type { JobId } from '../../domain/job-id.ts';
import type { NatsLink } from './link.ts';
import type { NatsNames } from './names.ts';
import { wellFormedJson } from './well-formed-json.ts';

type Listener = Parameters<LiveFeed['watchJob']>[1];

export class NatsLiveFeed implements LiveFeed {
  readonly #link: NatsLink;
  readonly #names: NatsNames;

  constructor(link: NatsLink, names: NatsNames) {
    this.#link = link;
    this.#names = names;
  }

  publishProgress(tenant: string, queue: string, note: ProgressNote): void {
    this.#link.trySend(this.#names.progressSubject(tenant, queue, note.jobId), wellFormedJson(note));
  }

  publishLogNews(tenant: string, queue: string, jobId: JobId): void {
    this.#link.trySend(this.#names.logSubject(tenant, queue, jobId), '');
  }

  /** The NATS client restores the subscriptions after a reconnect. */
  watchJob(job: Parameters<LiveFeed['watchJob']>[0], listener: Listener): () => void {
    const { connection } = this.#link;
    const events = connection.subscribe(this.#names.eventSubject(job.tenant, job.queue, '*', job.jobId), {
      callback: (error, message) => {
        const seq = error === null ? Number(message.headers?.get('ce-sequence')) : 0;
        if (Number.isInteger(seq) && seq > 0) listener({ kind: 'event', seq });
      },
    });
    const progress = connection.subscribe(this.#names.progressSubject(job.tenant, job.queue, job.jobId), {
      callback: (error, message) => {
        const note = error === null ? readNote(message) : undefined;
        if (note !== undefined) listener({ kind: 'progress', progress: note });
      },
    });
    const logs = connection.subscribe(this.#names.logSubject(job.tenant, job.queue, job.jobId), {
      callback: (error) => {
        if (error === null) listener({ kind: 'log' });
      },
    });
    return () => {
      events.unsubscribe();
      progress.unsubscribe();
      logs.unsubscribe();
    };
  }
}

function readNote(message: Msg): ProgressNote | undefined {
  try {
    const note = message.json<Partial<ProgressNote> | null>();
    if (typeof note?.jobId !== 'string' || typeof note.attempt !== 'number') return undefined;
    if (typeof note.fraction !== 'number' || typeof note.note !== 'string') return undefined;
    const { jobId, attempt, fraction, note: text, sealedNote } = note;
    return {
      jobId,
      attempt,
      fraction,
      note: text,
      ...given({ sealedNote: typeof sealedNote === 'string' ? sealedNote : undefined }),
    };
  } catch {
    return undefined;
  }
}
