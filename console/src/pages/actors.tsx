/** The tree of actors, live: who restarts, whose mailbox fills, what runs in which thread. */
import { Tag } from '../parts/icons.tsx';
import { Panel } from '../parts/panel.tsx';
import { Text } from '../parts/text.tsx';
import { Cli } from '../parts/cli.tsx';
import { replace } from '../site/navigation.ts';
import { linkTo } from '../site/route.ts';
import { nowMs } from '../site/session.ts';
import { actorRows, type ActorRow, rowsMax } from '../text/actor-rows.ts';
import { cliLine, flag } from '../text/cli-lines.ts';
import { ageText, timeMs } from '../text/durations.ts';
import { countText, percentText, rateText } from '../text/numbers.ts';
import { partTone, wordOf } from '../text/words.ts';
import { useTopic } from '../live/use-topic.ts';
import type { Actor } from '../wire/shapes.ts';

interface TreeAnswer {
  readonly actors?: readonly Actor[];
  readonly omitted?: number;
}

export interface ActorsProps {
  readonly node: string;
  readonly contains: string;
  readonly isTroubled: boolean;
}

export function ActorsPage(props: ActorsProps) {
  const { node, contains, isTroubled } = props;
  const request = node === '' ? {} : { node };
  const followed = useTopic<TreeAnswer>({ method: 'Cluster/GetTree', request, periodMs: 2_000 });
  const change = (parts: Partial<ActorsProps>): void => {
    const next = { ...props, ...parts };
    replace(
      linkTo('actors', { node: next.node, contains: next.contains, troubled: next.isTroubled ? '1' : undefined }),
    );
  };
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Actors</h1>
        {node !== '' && (
          <span>
            on <Text value={node} /> · <a href={linkTo('actors')}>all nodes</a>
          </span>
        )}
        <div class="actions">
          <button type="button" aria-pressed={isTroubled} onClick={() => change({ isTroubled: !isTroubled })}>
            in trouble
          </button>
          <input
            type="search"
            aria-label="Only actors whose paths contain"
            placeholder="part of a path"
            value={contains}
            onInput={(event) => change({ contains: event.currentTarget.value })}
          />
        </div>
      </div>
      <Panel title="As they started" followed={followed} isFlush>
        {({ actors = [], omitted = 0 }) => <Tree rows={actorRows(actors, contains, isTroubled)} omitted={omitted} />}
      </Panel>
      <Cli line={cliLine(['tree', ...flag('node', node)])} />
    </>
  );
}

function Tree({ rows, omitted }: { readonly rows: readonly ActorRow[]; readonly omitted: number }) {
  if (rows.length === 0) return <p class="body note">There is no such actor.</p>;
  const left = omitted + Math.max(0, rows.length - rowsMax);
  return (
    <div class="scroll" role="group" tabIndex={0} aria-label="Table of actors">
      <table>
        <thead>
          <tr>
            <th>actor</th>
            <th>state</th>
            <th class="n">up</th>
            <th class="n">restarts</th>
            <th class="n">mailbox</th>
            <th class="n">messages/s</th>
            <th class="n">busy</th>
            <th>about</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, rowsMax).map((row) => (
            <Row key={`${row.actor.node ?? ''} ${row.actor.path ?? ''}`} row={row} />
          ))}
        </tbody>
      </table>
      {left > 0 && <p class="walk soft">{countText(left)} more are left out: choose a node or a part of a path</p>}
    </div>
  );
}

function Row({ row: { actor, depth, name } }: { readonly row: ActorRow }) {
  const startedMs = timeMs(actor.startTime);
  const { restarts = 0, mailboxSize = 0, mailboxCapacity = 0, lastError = '', facts = {}, run } = actor;
  return (
    <tr>
      <td class="mono name path" title={actor.path}>
        {' '.repeat(2 * depth)}
        <Text value={name} />
      </td>
      <td>
        <Tag tone={partTone(actor.state, 'ACTOR_STATE_')}>{wordOf(actor.state, 'ACTOR_STATE_')}</Tag>
      </td>
      <td class="n">{startedMs === undefined ? '–' : ageText(nowMs.value - startedMs)}</td>
      <td class={restarts > 0 ? 'n trouble' : 'n zero'}>{restarts}</td>
      <td class={mailboxSize === 0 ? 'n zero' : 'n'}>
        {mailboxCapacity === 0 ? '–' : `${countText(mailboxSize)} / ${countText(mailboxCapacity)}`}
      </td>
      <td class="n">{rateText(actor.messageRate ?? 0)}</td>
      <td class="n">{percentText(actor.busyShare ?? 0)}</td>
      <td class="wide">
        {run?.jobId !== undefined && (
          <a href={linkTo('job', { id: run.jobId })}>
            <Text value={run.handler ?? run.jobId} /> {percentText(run.progress ?? 0)}
          </a>
        )}{' '}
        {lastError !== '' && (
          <span class="trouble">
            <Text value={lastError} />
          </span>
        )}{' '}
        <span class="soft">
          <Text
            value={Object.entries(facts)
              .map(([fact, value]) => `${fact} ${value}`)
              .join('  ')}
          />
        </span>
      </td>
    </tr>
  );
}
