/** The processes of the cluster: are they there, how loaded are they, which handlers do they have. */
import { Action } from '../parts/action.tsx';
import { Tag } from '../parts/icons.tsx';
import { Panel } from '../parts/panel.tsx';
import { Text } from '../parts/text.tsx';
import { linkTo } from '../site/route.ts';
import { may, nowMs } from '../site/session.ts';
import { cliLine } from '../text/cli-lines.ts';
import { ageText, timeMs } from '../text/durations.ts';
import { bytesText, countOf, countText, percentText, plural } from '../text/numbers.ts';
import { partTone, wordOf } from '../text/words.ts';
import { useTopic } from '../live/use-topic.ts';
import type { Node } from '../wire/shapes.ts';

interface NodesAnswer {
  readonly nodes?: readonly Node[];
}

export function NodesPage() {
  const followed = useTopic<NodesAnswer>({ method: 'Cluster/ListNodes', request: {}, periodMs: 5_000 });
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Nodes</h1>
      </div>
      <Panel title="By name" followed={followed} isFlush>
        {({ nodes = [] }) => <NodeTable nodes={nodes} onDone={followed.refresh} />}
      </Panel>
    </>
  );
}

interface TableProps {
  readonly nodes: readonly Node[];
  readonly onDone: () => void;
}

function NodeTable({ nodes, onDone }: TableProps) {
  return (
    <div class="scroll" role="group" tabIndex={0} aria-label="Table of nodes">
      <table>
        <thead>
          <tr>
            <th>node</th>
            <th>state</th>
            <th>roles</th>
            <th>version</th>
            <th class="n">up</th>
            <th class="n">runs</th>
            <th class="n">slots</th>
            <th class="n">shards</th>
            <th class="n">loop</th>
            <th class="n">memory</th>
            <th class="n">load</th>
            <th>
              <span class="unseen">actions</span>
            </th>
            <th>handlers</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => (
            <Row key={node.id} node={node} onDone={onDone} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** All are in the title of the cell. */
const handlersShown = 4;

function Row({ node, onDone }: { readonly node: Node; readonly onDone: () => void }) {
  const { id = '', state, roles = [], handlers = [], eventLoopUtilization: loop = 0 } = node;
  const shown = handlers.slice(0, handlersShown);
  const startedMs = timeMs(node.startTime);
  const known = state !== 'NODE_STATE_SILENT';
  const figure = (text: string): string => (known ? text : '–');
  return (
    <tr>
      <td class="name">
        <a href={linkTo('actors', { node: id })}>
          <Text value={id} />
        </a>
      </td>
      <td>
        <Tag tone={partTone(state, 'NODE_STATE_')}>{wordOf(state, 'NODE_STATE_')}</Tag>
      </td>
      <td>{roles.join(', ')}</td>
      <td>
        <Text value={node.version ?? ''} />
      </td>
      <td class="n">{startedMs === undefined ? '–' : ageText(nowMs.value - startedMs)}</td>
      <td class="n">{figure(countText(node.runs ?? 0))}</td>
      <td class="n">{countText(node.slotsTotal ?? 0)}</td>
      <td class="n">{figure(countText(node.shards ?? 0))}</td>
      <td class="n">{figure(percentText(loop))}</td>
      <td class="n">{figure(bytesText(countOf(node.rssBytes)))}</td>
      <td class="n">{figure((node.machineLoad ?? 0).toFixed(2))}</td>
      <td>
        <DrainAction node={node} onDone={onDone} />
      </td>
      <td class="wide" title={handlers.map(({ name = '', version = '' }) => `${name} ${version}`).join('\n')}>
        <Text value={shown.map(({ name = '' }) => name).join(', ')} />
        {handlers.length > shown.length && <span class="soft"> and {handlers.length - shown.length} more</span>}
      </td>
    </tr>
  );
}

function DrainAction({
  node: { id = '', runs = 0, state },
  onDone,
}: {
  readonly node: Node;
  readonly onDone: () => void;
}) {
  const mayDrain = may('cluster.operate');
  return (
    <Action
      label="Drain"
      title={`Drain the node ${id}`}
      method="Cluster/DrainNode"
      tone="danger"
      isDisabled={!mayDrain || state !== 'NODE_STATE_LIVE'}
      disabledWhy={mayDrain ? 'only a live node can be drained' : 'you lack the permission cluster.operate'}
      request={() => ({ node: id })}
      cli={(auditReason) => cliLine(['drain', id], auditReason)}
      onDone={onDone}
    >
      <p>
        It takes nothing new, lets {plural(runs, 'run')} end within its grace period, releases the rest, hands over its
        shards, and ends. It does not come back by itself.
      </p>
    </Action>
  );
}
