/**
 * Draws a first page: three verdicts, what is wrong, and the queues that need somebody most. All of it comes from the memory
 * of shards and nodes. It is made at most once a second for all who may see the same, however many look.
 *
 * Who may read some queues only sees these, in sums too, and nothing of quotas, which belong to the whole tenant. Who lacks
 * `cluster.read` sees nothing of nodes and slots, and verdicts do without them.
 */
import { holdsIn } from '../../domain/access/principal.ts';
import { given } from '../../domain/given.ts';
import { noFigures, type SurveyRow } from '../../domain/queue-survey.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { type CallContext, ensureAwaited, queuesAllowed } from '../ports/call-context.ts';
import { createPictures, type Picture, type PictureParts } from './picture.ts';
import { figuresOf, type QueueFigures, settingsOf } from './queue-figures.ts';

/** The picture without what only serves to make a page of it. */
export interface Overview extends Omit<Picture, 'names' | 'quarantined'> {
  readonly nowMs: number;
  readonly ageMs: number;
  /** Those to list, most pressing first; at most `queuesMax`. */
  readonly queues: readonly QueueFigures[];
  readonly queuesMatching: number;
}

export type GetOverview = (context: CallContext, query: { readonly queueContains: string }) => Promise<Overview>;

/** Most queues in one answer. */
const queuesMax = 200;
const containsMaxChars = 64;
/** Lists of one picture that are kept. */
const listsMax = 100;

export function createGetOverview(parts: PictureParts): GetOverview {
  const { surveys, clock } = parts;
  const pictureFor = createPictures(parts);

  /** Lists that were made of a picture. Whoever looks without a search shares one. */
  const lists = new WeakMap<Picture, Map<string, Promise<readonly QueueFigures[]>>>();

  function listOf(context: CallContext, picture: Picture, contains: string): Promise<readonly QueueFigures[]> {
    const made = lists.get(picture) ?? new Map<string, Promise<readonly QueueFigures[]>>();
    lists.set(picture, made);
    const known = made.get(contains);
    if (known !== undefined) return known;
    const list = listed(context, picture, contains);
    if (made.size < listsMax) made.set(contains, list);
    // What a shard did not answer in time is asked for again.
    list.catch(() => made.delete(contains));
    return list;
  }

  /** Rows of queues whose names contain a text. Where shards have left queues out, they are asked for these. */
  async function rowsWith(context: CallContext, picture: Picture, contains: string): Promise<readonly QueueFigures[]> {
    const { tenant } = context;
    if (picture.survey.omitted === 0) return picture.queues.filter(({ row }) => hasText(row.queue, contains));
    const onlyIn = queuesAllowed(context);
    const { stats } = await surveys.read({ tenant, contains, ...given({ onlyIn }) });
    return stats.rows.map((row) => figuresOf(row, undefined, picture.quarantined.has(row.queue)));
  }

  async function listed(context: CallContext, picture: Picture, contains: string): Promise<readonly QueueFigures[]> {
    const busy = contains === '' ? picture.queues : await rowsWith(context, picture, contains);
    const shown = busy.slice(0, queuesMax);
    const have = new Set(busy.map(({ row }) => row.queue));
    const idle = picture.names.filter((name) => !have.has(name) && hasText(name, contains));
    const rows: readonly SurveyRow[] = [
      ...shown.map(({ row }) => row),
      ...idle.slice(0, queuesMax - shown.length).map((queue) => ({ ...noFigures, queue, waits: [] })),
    ];
    const names = rows.map(({ queue }) => queue);
    const settings = await settingsOf(parts, context.tenant, names);
    return rows.map((row) => figuresOf(row, settings.get(row.queue), picture.quarantined.has(row.queue)));
  }

  return async (context, { queueContains }) => {
    ensureAwaited(context, clock.nowMs());
    const checks = new FieldChecks();
    checks.length('queue_contains', queueContains, containsMaxChars);
    checks.ensureNone();
    const onlyIn = queuesAllowed(context);
    const contains = queueContains.toLowerCase();
    const picture = await pictureFor(context, onlyIn);
    const queues = await listOf(context, picture, contains);
    const { names: all, quarantined: _quarantined, ...rest } = picture;
    const nowMs = clock.nowMs();
    return {
      ...rest,
      nowMs,
      ageMs: Math.max(0, nowMs - picture.askedAtMs),
      queues,
      queuesMatching: contains === '' ? all.length : all.filter((name) => hasText(name, contains)).length,
      failures: picture.failures.map((failure) =>
        holdsIn(context.principal, 'jobs.read', failure.queue) ? failure : { ...failure, jobId: '' },
      ),
    };
  };
}

function hasText(name: string, contains: string): boolean {
  return name.toLowerCase().includes(contains);
}
