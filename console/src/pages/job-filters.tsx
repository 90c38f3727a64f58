/** The filters above the list of jobs. What they say is in the address. */
import { useEffect, useState } from 'preact/hooks';
import { replace } from '../site/navigation.ts';
import { choices, filterLink, type JobFilter, type Since, sinces } from '../text/job-filter.ts';
import { useTopic } from '../live/use-topic.ts';
import type { Overview } from '../wire/overview-shapes.ts';

export function JobFilters({ filter }: { readonly filter: JobFilter }) {
  const change = (parts: Partial<JobFilter>): void => replace(filterLink({ ...filter, ...parts }));
  const { topic } = useTopic<Overview>({ method: 'Cluster/GetOverview', request: {}, periodMs: 30_000 });
  const names = new Set([filter.queue, ...(topic.value?.queues ?? []).map(({ name = '' }) => name)]);
  return (
    <div class="filters">
      <div class="choices" role="group" aria-label="Which jobs">
        {choices.map(({ name, states }) => (
          <button
            key={name}
            type="button"
            aria-pressed={states.join() === filter.states.join()}
            onClick={() => change({ states, since: states.includes('FAILED') ? '7d' : '15m' })}
          >
            {name}
          </button>
        ))}
      </div>
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
      <Typed label="handler" value={filter.handler} onDone={(handler) => change({ handler })} />
      <Typed
        label="labels"
        placeholder="name=value"
        value={filter.labels.join(' ')}
        onDone={(text) => change({ labels: text.split(/\s+/).filter((word) => /^[^=]+=/.test(word)) })}
      />
      {filter.kind !== '' && (
        <button type="button" onClick={() => change({ kind: '' })} aria-label="Jobs of any kind of failure">
          kind {filter.kind} ×
        </button>
      )}
      <label class="field">
        <span>created within</span>
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

interface TypedProps {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly onDone: (value: string) => void;
}

/** Taken when somebody has finished: each letter would begin a new search. */
function Typed({ label, value, placeholder = 'any', onDone }: TypedProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const done = (): void => {
    if (text.trim() !== value) onDone(text.trim());
  };
  return (
    <label class="field">
      <span>{label}</span>
      <input
        value={text}
        size={12}
        placeholder={placeholder}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={done}
        onKeyDown={(event) => {
          if (event.key === 'Enter') done();
        }}
      />
    </label>
  );
}
