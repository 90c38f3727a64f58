/** The limits of a queue, to be changed by the version that is seen: a change of somebody else in between is not lost. */
import { useState } from 'preact/hooks';
import { Action } from '../parts/action.tsx';
import { Text } from '../parts/text.tsx';
import { may } from '../site/session.ts';
import { draftOf, flowChange, flowCli, type FlowDraft, flowUpdate, wrongFields } from '../text/flow-change.ts';
import type { Queue } from '../wire/shapes.ts';

const fields: readonly (readonly [keyof FlowDraft, string, string])[] = [
  ['maxRunning', 'run at a time', 'no limit'],
  ['maxRunningPerKey', 'of one concurrency key', '1'],
  ['perSecond', 'starts per second', 'no limit'],
  ['burst', 'burst', 'starts of a second'],
];

export function FlowEditor({ queue, onDone }: { readonly queue: Queue; readonly onDone: () => void }) {
  const flow = queue.settings?.flow;
  const before = draftOf(flow);
  const [draft, setDraft] = useState(before);
  const wrong = wrongFields(draft);
  const change = flowChange(before, draft);
  const mayChange = may('queues.manage');
  const weights = Object.entries(flow?.fairnessWeights ?? {});
  return (
    <div class="plan">
      <div class="filters">
        {fields.map(([field, label, none]) => (
          <label key={field} class="field">
            <span>{label}</span>
            <input
              value={draft[field]}
              placeholder={none}
              inputMode="decimal"
              size={10}
              disabled={!mayChange}
              aria-invalid={wrong.has(field)}
              onInput={(event) => setDraft({ ...draft, [field]: event.currentTarget.value })}
            />
          </label>
        ))}
      </div>
      {[...wrong].map(([field, rule]) => (
        <p key={field} class="trouble">
          {fields.find(([name]) => name === field)?.[1]}: {rule}
        </p>
      ))}
      {weights.length > 0 && (
        <p class="soft">
          weights of fairness keys:{' '}
          {weights.map(([key, weight]) => (
            <span key={key}>
              <Text value={key} /> {weight}{' '}
            </span>
          ))}
        </p>
      )}
      <div class="filters">
        <Action
          label="Change"
          title={`Change the flow rule of ${queue.name ?? ''}`}
          method="Queues/UpdateQueue"
          isDisabled={!mayChange || wrong.size > 0 || change.paths.length === 0}
          disabledWhy={mayChange ? 'nothing has changed' : 'you lack the permission queues.manage'}
          request={() => flowUpdate(queue, change)}
          cli={(auditReason) => flowCli(queue, change, auditReason)}
          onDone={onDone}
        >
          <p>
            It holds at once, for jobs that wait already too. Running jobs go on. It is refused if somebody else has
            changed the queue since version {queue.version}.
          </p>
        </Action>
      </div>
    </div>
  );
}
