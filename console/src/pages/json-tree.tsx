/** JSON as a tree. Members are made when their object is opened, so a large document costs what is seen of it. */
import { useState } from 'preact/hooks';
import { Text } from '../parts/text.tsx';
import { countText } from '../text/numbers.ts';
import { type JsonNode, membersMax, membersOf, nodeOf } from '../text/json-rows.ts';

const openDepth = 2;

export function JsonTree({ value }: { readonly value: unknown }) {
  return (
    <div class="tree">
      <Node node={nodeOf(undefined, value)} depth={0} />
    </div>
  );
}

function Key({ name }: { readonly name: string | undefined }) {
  if (name === undefined) return null;
  return (
    <>
      <span class="key">
        <Text value={name} />
      </span>
      {': '}
    </>
  );
}

function Node({ node, depth }: { readonly node: JsonNode; readonly depth: number }) {
  const [isOpen, setOpen] = useState(depth < openDepth);
  const [max, setMax] = useState(membersMax);
  if (node.kind !== 'object' && node.kind !== 'list') {
    return (
      <div>
        <Key name={node.key} />
        <span class={node.kind}>
          <Text value={node.text} />
        </span>
      </div>
    );
  }
  const { nodes, left } = isOpen ? membersOf(node, max) : { nodes: [], left: 0 };
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Key name={node.key} />
        <span class="soft">{node.text}</span>
      </summary>
      <ul>
        {nodes.map((member) => (
          <li key={member.key}>
            <Node node={member} depth={depth + 1} />
          </li>
        ))}
        {left > 0 && (
          <li>
            <button type="button" onClick={() => setMax(max + membersMax)}>
              {countText(left)} more
            </button>
          </li>
        )}
      </ul>
    </details>
  );
}
