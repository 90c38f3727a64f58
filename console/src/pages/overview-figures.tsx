/** Figures of the overview: rates with their curves, waits, slots, what failed, and the cluster. */
import type { ComponentChildren } from 'preact';
import { Tag } from '../parts/icons.tsx';
import { Meter, Spark } from '../parts/spark.tsx';
import { JobLink, QueueLink, Text } from '../parts/text.tsx';
import { linkTo } from '../site/route.ts';
import { nowMs } from '../site/session.ts';
import { ageText, durationMs, durationText, timeMs } from '../text/durations.ts';
import { countOf, countText, percentText, rateText } from '../text/numbers.ts';
import { partTone, wordOf } from '../text/words.ts';
import type { Overview, OverviewFailure } from '../wire/overview-shapes.ts';

export interface FigureProps {
  readonly label: string;
  readonly isBad?: boolean;
  readonly value: ComponentChildren;
  readonly children?: ComponentChildren;
}

export function Figure({ label, value, isBad = false, children }: FigureProps) {
  return (
    <div class={isBad ? 'figure bad' : 'figure'}>
      <span class="label">{label}</span>
      <span class="value">{value}</span>
      {children}
    </div>
  );
}

/** `–` when there is nothing to tell. */
export function quantileText(duration: string | undefined): string {
  const ms = durationMs(duration);
  return ms === undefined ? '–' : durationText(ms);
}

export function Figures({ overview, atMs }: { readonly overview: Overview; readonly atMs: number | undefined }) {
  const { totals = {}, cluster } = overview;
  const failed = totals.failedJobsPerSecond ?? 0;
  const rates: readonly (readonly [string, number, boolean])[] = [
    ['arrive', totals.arrivalsPerSecond ?? 0, false],
    ['start', totals.startsPerSecond ?? 0, false],
    ['end', totals.endsPerSecond ?? 0, false],
    ['fail', failed, failed > 0],
  ];
  const used = cluster?.slotsUsed ?? 0;
  const total = cluster?.slotsTotal ?? 0;
  return (
    <div class="figures">
      {rates.map(([name, value, isBad]) => (
        <Figure
          key={name}
          label={`jobs ${name}`}
          isBad={isBad}
          value={
            <>
              {rateText(value)} <small class="soft">/s</small>
            </>
          }
        >
          <Spark name={`overview ${name}`} value={value} atMs={atMs} isBad={name === 'fail'} />
        </Figure>
      ))}
      <Figure label="wait p50" value={quantileText(totals.wait?.p50)}>
        <small class="soft">p99 {quantileText(totals.wait?.p99)}</small>
        <small class="soft">oldest {quantileText(totals.oldestAge)}</small>
      </Figure>
      <Figure label="waiting" value={countText(countOf(totals.waiting))}>
        <small class="soft">later {countText(countOf(totals.dueLater))}</small>
        {countOf(totals.pausedWaiting) > 0 && (
          <small class="soft">paused {countText(countOf(totals.pausedWaiting))}</small>
        )}
      </Figure>
      <Figure label="running" value={countText(countOf(totals.running))}>
        <small class="soft">run p50 {quantileText(totals.run?.p50)}</small>
        <small class="soft">p99 {quantileText(totals.run?.p99)}</small>
      </Figure>
      {cluster !== undefined && (
        <Figure
          label="slots used"
          value={
            <>
              {countText(used)} <small class="soft">of {countText(total)}</small>
            </>
          }
        >
          <Meter
            share={total === 0 ? 0 : used / total}
            tone={total > 0 && used >= total ? 'doubt' : 'run'}
            label={`${used} of ${total} slots are used`}
          />
          <small class="soft">{total === 0 ? 'no slots' : percentText(used / total)}</small>
        </Figure>
      )}
    </div>
  );
}

export function FailuresPart({
  failures,
  omitted,
}: {
  readonly failures: readonly OverviewFailure[];
  readonly omitted: number;
}) {
  return (
    <section class="panel" aria-label="What fails">
      <header>
        <h2>What fails</h2>
        <small>the last five minutes, about</small>
      </header>
      {failures.length === 0 ? (
        <p class="body note">Nothing has failed lately.</p>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>code</th>
                <th class="n">about</th>
                <th class="n">last</th>
                <th>queue</th>
                <th>job</th>
              </tr>
            </thead>
            <tbody>
              {failures.map((failure) => (
                <FailureRow key={failure.code} failure={failure} />
              ))}
            </tbody>
          </table>
          {omitted > 0 && <p class="walk soft">{countText(omitted)} more codes</p>}
        </div>
      )}
    </section>
  );
}

function FailureRow({
  failure: { code = '', count = 0, lastTime, queue = '', jobId = '' },
}: {
  readonly failure: OverviewFailure;
}) {
  const lastMs = timeMs(lastTime);
  return (
    <tr>
      <td class="name mono" title={code}>
        <Text value={code} />
      </td>
      <td class="n">{count < 10 ? count.toFixed(1) : countText(count)}</td>
      <td class="n">{lastMs === undefined ? '–' : ageText(nowMs.value - lastMs)}</td>
      <td class="name">{queue !== '' && <QueueLink name={queue} />}</td>
      <td>{jobId !== '' && <JobLink id={jobId} isShort />}</td>
    </tr>
  );
}

export function ClusterPart({
  overview: { cluster, clusterWithheld = false, shards = 0 },
}: {
  readonly overview: Overview;
}) {
  return (
    <section class="panel" aria-label="Cluster">
      <header>
        <h2>Cluster</h2>
        {cluster !== undefined && (
          <small>
            <a href={linkTo('nodes')}>nodes</a> · <a href={linkTo('shards')}>{countText(shards)} shards</a>
          </small>
        )}
      </header>
      <div class="body">
        {clusterWithheld && (
          <p class="note">
            Nodes and slots are not shown: you lack the permission <code>cluster.read</code>.
          </p>
        )}
        {cluster !== undefined && (
          <ul class="plan">
            {(cluster.nodes ?? []).map(({ state, version, nodes = 0 }) => (
              <li key={`${state ?? ''} ${version ?? ''}`}>
                <Tag tone={partTone(state, 'NODE_STATE_')}>
                  {countText(nodes)} {wordOf(state, 'NODE_STATE_')}
                </Tag>{' '}
                <span class="soft">
                  {version !== undefined && (
                    <>
                      version <Text value={version} />
                    </>
                  )}
                </span>
              </li>
            ))}
            {(cluster.shardsUnowned ?? 0) > 0 && (
              <li>
                <Tag tone="bad">{cluster.shardsUnowned} shards without an owner</Tag>
              </li>
            )}
          </ul>
        )}
      </div>
    </section>
  );
}
