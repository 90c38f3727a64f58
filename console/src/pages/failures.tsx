/** Failed jobs of a queue by kind: two thousand failures are often three faults. */
import { Cli } from '../parts/cli.tsx';
import { Trouble } from '../parts/panel.tsx';
import { JobLink, Text } from '../parts/text.tsx';
import { type Searching, useKinds } from '../live/use-kinds.ts';
import { useTopic } from '../live/use-topic.ts';
import { replace } from '../site/navigation.ts';
import { linkTo } from '../site/route.ts';
import { may, nowMs } from '../site/session.ts';
import { ageText, instantText, timeMs } from '../text/durations.ts';
import { kindFilterLink, type KindFilter, kindsCli, redriveCli } from '../text/failure-kinds.ts';
import { type Since, sinces } from '../text/job-filter.ts';
import { countText, plural } from '../text/numbers.ts';
import { wordOf } from '../text/words.ts';
import type { Overview } from '../wire/overview-shapes.ts';
import type { FailureKind } from '../wire/shapes.ts';

export function FailuresPage({ filter }: { readonly filter: KindFilter }) {
  const searching = useKinds(filter);
  const { search, failure } = searching;
  const kinds = search?.kinds ?? [];
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Failures</h1>
        <a href={linkTo('jobs', { queue: filter.queue, state: ['FAILED'], since: filter.since })}>as jobs</a>
        <div class="actions">
          <button type="button" onClick={searching.restart}>
            Search again
          </button>
        </div>
      </div>
      <Filters filter={filter} />
      <section class="panel" aria-label="Kinds of failures">
        <SearchLine searching={searching} />
        {failure !== undefined && (
          <div class="body">
            <Trouble failure={failure} />
          </div>
        )}
        {kinds.length > 0 && <KindTable kinds={kinds} filter={filter} />}
        {kinds.length === 0 && search?.status === 'done' && (
          <p class="body note">No job of this queue has failed in this time.</p>
        )}
      </section>
      {kinds[0]?.id !== undefined && <Cli line={redriveCli(filter.queue, kinds[0].id)} />}
      {search !== undefined && <Cli line={kindsCli(filter, nowMs.value)} />}
      {!may('payloads.read') && (
        <p class="soft">
          Texts are left out, because you lack the permission payloads.read: the kinds are made of handler and code
          alone.
        </p>
      )}
    </>
  );
}

function SearchLine({ searching: { search, goOn, pause } }: { readonly searching: Searching }) {
  if (search === undefined) return null;
  const { jobs, kinds, searchedBackMs, status } = search;
  return (
    <div class="walk" role="status">
      <span>
        {plural(jobs, 'failed job')} of {plural(kinds.length, 'kind')}, searched back to{' '}
        {instantText(searchedBackMs, nowMs.value)}
      </span>
      {status === 'searching' && (
        <>
          <span class="soft">searching …</span>
          <button type="button" onClick={pause}>
            Stop
          </button>
        </>
      )}
      {status === 'paused' && (
        <button type="button" onClick={goOn}>
          Search further back
        </button>
      )}
      {status === 'done' && <span class="soft">that is all of this time</span>}
    </div>
  );
}

function Filters({ filter }: { readonly filter: KindFilter }) {
  const change = (parts: Partial<KindFilter>): void => replace(kindFilterLink({ ...filter, ...parts }));
  const { topic } = useTopic<Overview>({ method: 'Cluster/GetOverview', request: {}, periodMs: 30_000 });
  const names = new Set([filter.queue, ...(topic.value?.queues ?? []).map(({ name = '' }) => name)]);
  return (
    <div class="filters">
      <label class="field">
        <span>queue</span>
        <select value={filter.queue} onChange={(event) => change({ queue: event.currentTarget.value })}>
          {[...names].sort().map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>ended within</span>
        <select value={filter.since} onChange={(event) => change({ since: event.currentTarget.value as Since })}>
          {sinces.map((since) => (
            <option key={since} value={since}>
              {since}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

function KindTable({ kinds, filter }: { readonly kinds: readonly FailureKind[]; readonly filter: KindFilter }) {
  return (
    <div class="scroll" role="group" tabIndex={0} aria-label="Table of kinds">
      <table>
        <thead>
          <tr>
            <th class="n">jobs</th>
            <th class="n">last</th>
            <th class="n">first</th>
            <th>handler</th>
            <th>code</th>
            <th>what</th>
            <th>newest</th>
          </tr>
        </thead>
        <tbody>
          {kinds.map((kind) => (
            <Row key={kind.id} kind={kind} filter={filter} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ kind, filter }: { readonly kind: FailureKind; readonly filter: KindFilter }) {
  const { id = '', jobs = 0, handler = '', code = '', reason, message = '', frame = '', sampleJobIds = [] } = kind;
  const age = (text: string | undefined): string => {
    const ms = timeMs(text);
    return ms === undefined ? '–' : ageText(nowMs.value - ms);
  };
  const list = linkTo('jobs', { queue: filter.queue, state: ['FAILED'], kind: id, since: filter.since });
  return (
    <tr>
      <td class="n">
        <a href={list} aria-label={`the ${jobs} jobs of this kind`}>
          {countText(jobs)}
        </a>
      </td>
      <td class="n">{age(kind.lastTime)}</td>
      <td class="n">{age(kind.firstTime)}</td>
      <td>
        <Text value={handler} />
      </td>
      <td>{code === '' ? wordOf(reason, 'FAILURE_REASON_') : <Text value={code} />}</td>
      <td class="what">
        <Text value={message} />
        {frame !== '' && (
          <small class="soft">
            {' '}
            at <Text value={frame} />
          </small>
        )}
      </td>
      <td>{sampleJobIds[0] !== undefined && <JobLink id={sampleJobIds[0]} isShort />}</td>
    </tr>
  );
}
