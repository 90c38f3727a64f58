/** The first page: is all well, what is wrong and what to do about it, then the figures. One call draws it. */
import { Cli } from '../parts/cli.tsx';
import { Tag, ToneIcon } from '../parts/icons.tsx';
import { Age, NothingYet } from '../parts/panel.tsx';
import { Text } from '../parts/text.tsx';
import { nowMs } from '../site/session.ts';
import { ageText, timeMs } from '../text/durations.ts';
import { countText } from '../text/numbers.ts';
import { gradeTone, wordOf } from '../text/words.ts';
import { useTopic } from '../live/use-topic.ts';
import type { Overview, OverviewAlert, Verdict } from '../wire/overview-shapes.ts';
import { ClusterPart, FailuresPart, Figures } from './overview-figures.tsx';
import { QueueTable } from './queue-table.tsx';

export function OverviewPage() {
  const followed = useTopic<Overview>({ method: 'Cluster/GetOverview', request: {}, periodMs: 2_000 });
  const { topic } = followed;
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Overview</h1>
        <Age followed={followed} />
      </div>
      {topic.value === undefined ? (
        <NothingYet failure={topic.failure} />
      ) : (
        <Seen overview={topic.value} atMs={topic.atMs} />
      )}
    </>
  );
}

function Seen({ overview, atMs }: { readonly overview: Overview; readonly atMs: number | undefined }) {
  const { alerts = [], alertsOmitted = 0, queues = [], queuesTotal = 0, silentShards = 0, shards = 0 } = overview;
  return (
    <>
      <div class="verdicts">
        <VerdictCard question="Does work flow?" verdict={overview.workFlows} />
        <VerdictCard question="Do runs succeed?" verdict={overview.runsSucceed} />
        <VerdictCard question="Are these figures fresh?" verdict={overview.figuresFresh} />
      </div>
      {alerts.length > 0 && <Alerts alerts={alerts} omitted={alertsOmitted} />}
      <Figures overview={overview} atMs={atMs} />
      <section class="panel" aria-label="Queues by pressure">
        <header>
          <h2>Queues</h2>
          <small>
            most pressing first
            {queues.length < queuesTotal && `, ${countText(queues.length)} of ${countText(queuesTotal)}`}
          </small>
          {silentShards > 0 && (
            <span class="age stale">
              {silentShards} of {shards} shards do not answer: their jobs are not counted
            </span>
          )}
        </header>
        <div class="body flush">
          <QueueTable queues={queues} />
        </div>
      </section>
      <div class="columns">
        <FailuresPart failures={overview.failures ?? []} omitted={overview.failuresOmitted ?? 0} />
        <ClusterPart overview={overview} />
      </div>
    </>
  );
}

function VerdictCard({
  question,
  verdict = {},
}: {
  readonly question: string;
  readonly verdict?: Verdict | undefined;
}) {
  const tone = gradeTone(verdict.grade);
  const grade = wordOf(verdict.grade, 'VERDICT_GRADE_') || 'unknown';
  return (
    <section class={`verdict ${tone}`} aria-label={question}>
      <h2>
        <ToneIcon tone={tone} />
        {question}
        <span class="unseen">{grade}</span>
      </h2>
      <p class="sentence">
        <Text value={verdict.sentence ?? 'Nothing is known.'} />
      </p>
      {verdict.cause !== undefined && verdict.cause !== '' && (
        <p class="soft">
          <Text value={verdict.cause} />
        </p>
      )}
      {verdict.command !== undefined && verdict.command !== '' && <Cli line={verdict.command} />}
    </section>
  );
}

function Alerts({ alerts, omitted }: { readonly alerts: readonly OverviewAlert[]; readonly omitted: number }) {
  return (
    <section class="panel" aria-label="Alerts">
      <header>
        <h2>{alerts.length + omitted === 1 ? 'One thing is wrong' : `${alerts.length + omitted} things are wrong`}</h2>
        {omitted > 0 && <small>the worst {alerts.length} are here</small>}
      </header>
      <ul class="alerts">
        {alerts.map((alert, index) => {
          const sinceMs = timeMs(alert.sinceTime);
          return (
            <li key={`${alert.kind ?? ''} ${alert.subject ?? ''} ${index}`}>
              <Tag tone={gradeTone(alert.grade)}>{wordOf(alert.kind, 'ALERT_KIND_')}</Tag>
              <span>
                <Text value={alert.sentence ?? ''} />{' '}
                <small class="soft">
                  {sinceMs !== undefined && `for ${ageText(nowMs.value - sinceMs)}`}
                  {alert.page !== undefined && ` · ${alert.page}`}
                </small>
              </span>
              {alert.command !== undefined && alert.command !== '' && <Cli line={alert.command} />}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
