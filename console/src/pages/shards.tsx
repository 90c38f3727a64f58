/** The slices of all jobs: who owns them, what is in them, and how far behind they are. */
import { Tag } from '../parts/icons.tsx';
import { Panel } from '../parts/panel.tsx';
import { Text } from '../parts/text.tsx';
import { linkTo } from '../site/route.ts';
import { ageText, durationMs } from '../text/durations.ts';
import { countOf, countText } from '../text/numbers.ts';
import { partTone, wordOf } from '../text/words.ts';
import { useTopic } from '../live/use-topic.ts';
import type { Shard } from '../wire/shapes.ts';

interface ShardsAnswer {
  readonly shards?: readonly Shard[];
  readonly silentNodes?: readonly string[];
}

export function ShardsPage() {
  const followed = useTopic<ShardsAnswer>({ method: 'Cluster/ListShards', request: {}, periodMs: 5_000 });
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Shards</h1>
      </div>
      <Panel title="By number" followed={followed} isFlush>
        {({ shards = [], silentNodes = [] }) => (
          <>
            {silentNodes.length > 0 && (
              <p class="walk trouble">
                These nodes do not answer: <Text value={silentNodes.join(', ')} />
              </p>
            )}
            <ShardTable shards={shards} />
          </>
        )}
      </Panel>
    </>
  );
}

function ShardTable({ shards }: { readonly shards: readonly Shard[] }) {
  const age = (text: string | undefined): string => {
    const ms = durationMs(text);
    return ms === undefined ? '–' : ageText(ms);
  };
  return (
    <div class="scroll" role="group" tabIndex={0} aria-label="Table of shards">
      <table>
        <thead>
          <tr>
            <th class="n">shard</th>
            <th>state</th>
            <th>node</th>
            <th class="n">epoch</th>
            <th class="n">lease</th>
            <th class="n">last commit</th>
            <th class="n">unfinished</th>
            <th class="n">not durable yet</th>
            <th class="n">outbox</th>
          </tr>
        </thead>
        <tbody>
          {shards.map(({ number = 0, state, node = '', ...shard }) => (
            <tr key={number}>
              <td class="n">{number}</td>
              <td>
                <Tag tone={partTone(state, 'SHARD_STATE_')}>{wordOf(state, 'SHARD_STATE_')}</Tag>
              </td>
              <td class="name">
                <a href={linkTo('actors', { node })}>
                  <Text value={node} />
                </a>
              </td>
              <td class="n">{shard.epoch ?? '–'}</td>
              <td class="n">{age(shard.leaseAge)}</td>
              <td class="n">{age(shard.lastCommitAge)}</td>
              <td class="n">{countText(countOf(shard.backlog))}</td>
              <td class="n">{countText(countOf(shard.undurable))}</td>
              <td class="n">{countText(countOf(shard.outbox))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
