/** Why a job failed, and who did what to it. */
import { Text } from '../parts/text.tsx';
import { nowMs } from '../site/session.ts';
import { clockText, instantText, timeMs } from '../text/durations.ts';
import { codeOf, wordOf } from '../text/words.ts';
import type { Job } from '../wire/shapes.ts';

export function FailurePart({ job: { failure } }: { readonly job: Job }) {
  if (failure === undefined) return null;
  const { reason, code = '', message = '', stack = '', causes = [] } = failure;
  return (
    <section class="panel" aria-label="Failure">
      <header>
        <h2>Failure</h2>
        <code>{codeOf(reason, 'FAILURE_REASON_')}</code>
        {code !== '' && (
          <code>
            <Text value={code} />
          </code>
        )}
      </header>
      <div class="body plan">
        {message !== '' && (
          <p class="message">
            <Text value={message} />
          </p>
        )}
        {causes.map((cause, index) => (
          <p key={index} class="soft">
            because of {cause.code !== undefined && cause.code !== '' && <Text value={`${cause.code}: `} />}
            <Text value={cause.message ?? ''} />
          </p>
        ))}
        {stack !== '' && (
          <pre class="stack" tabIndex={0} aria-label="Stack">
            <Text value={stack} />
          </pre>
        )}
      </div>
    </section>
  );
}

export function HistoryPart({ job: { history = [] } }: { readonly job: Job }) {
  return (
    <section class="panel" aria-label="History">
      <header>
        <h2>Who did what</h2>
      </header>
      <div class="scroll" role="group" tabIndex={0} aria-label="Table of events">
        <table class="tight">
          <tbody>
            {history.toReversed().map(({ seq, type, time, node, caller, reason }) => {
              const ms = timeMs(time);
              return (
                <tr key={seq}>
                  <td class="zero">{seq}</td>
                  <td class="n" title={ms === undefined ? '' : instantText(ms, nowMs.value)}>
                    {ms === undefined ? '–' : clockText(ms, true)}
                  </td>
                  <td>{wordOf(type, 'JOB_EVENT_TYPE_')}</td>
                  <td class="wide soft">
                    {node !== undefined && (
                      <>
                        on <Text value={node} />
                      </>
                    )}{' '}
                    {reason !== undefined && <code>{codeOf(reason, 'FAILURE_REASON_')}</code>}{' '}
                    {caller !== undefined && (
                      <>
                        by <Text value={caller} />
                      </>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
