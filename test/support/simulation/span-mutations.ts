/** Seeded bugs in the spans of traces. */
import type { FinishedSpan } from '../../../src/application/ports/span-sink.ts';
import type { Change, Mutation } from './mutation.ts';

export const spanMutations: Readonly<Record<string, Mutation>> = {
  'a span is sent twice': {
    breaks: [6],
    within: 2,
    change: onSpans((span, add) => {
      add(span);
      add(span);
    }),
  },
  'an attempt that was lost has no span': {
    breaks: [6],
    within: 20,
    change: onSpans((span, add) => {
      if (span.attributes['troupe.outcome'] !== 'lost') add(span);
    }),
  },
  'a span says another outcome than the record': {
    breaks: [6],
    within: 2,
    change: onSpans((span, add) => {
      add(span.kind === 'producer' ? span : { ...span, attributes: { ...span.attributes, 'troupe.outcome': 'lost' } });
    }),
  },
};

function onSpans(change: (span: FinishedSpan, add: (span: FinishedSpan) => void) => void): Change {
  return (_cluster, ports) => {
    const { spans } = ports;
    ports.spans = {
      add: (span) => {
        change(span, (changed) => {
          spans.add(changed);
        });
      },
    };
  };
}
