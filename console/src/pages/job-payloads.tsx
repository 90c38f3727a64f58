/** What a job was given and what it returned, read when somebody opens it. */
import { useState } from 'preact/hooks';
import { Cli } from '../parts/cli.tsx';
import { Trouble } from '../parts/panel.tsx';
import { Text } from '../parts/text.tsx';
import { call, may } from '../site/session.ts';
import { cliLine } from '../text/cli-lines.ts';
import { bytesText, countOf } from '../text/numbers.ts';
import { payloadView } from '../text/payload-view.ts';
import { codeOf, isFinalJob } from '../text/words.ts';
import type { CallFailure } from '../wire/call.ts';
import type { Job, Payload } from '../wire/shapes.ts';
import { JsonTree } from './json-tree.tsx';

interface JobAnswer {
  readonly job?: Job;
}

/** With payloads of the largest size, an answer takes a while. */
const readTimeoutMs = 60_000;

export function PayloadsPart({ job }: { readonly job: Job }) {
  const [read, setRead] = useState<Job | undefined>(undefined);
  const [failure, setFailure] = useState<CallFailure | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const { id = '', state } = job;
  const load = async (): Promise<void> => {
    setBusy(true);
    const result = await call<JobAnswer>('Jobs/GetJob', { jobId: id }, { timeoutMs: readTimeoutMs });
    setBusy(false);
    setFailure(result.isOk ? undefined : result.failure);
    if (result.isOk) setRead(result.answer.job);
  };
  const mayRead = may('payloads.read');
  // What was read before the end has no output yet.
  const isOld = read !== undefined && read.state !== state && isFinalJob(job);
  return (
    <section class="panel" aria-label="Input and output">
      <header>
        <h2>Input and output</h2>
        {(read === undefined || isOld) && mayRead && (
          <button type="button" disabled={isBusy} onClick={() => void load()}>
            {isBusy ? 'Reading …' : 'Show'}
          </button>
        )}
        {!mayRead && (
          <small>
            hidden: you lack the permission <code>payloads.read</code>
          </small>
        )}
      </header>
      {failure !== undefined && (
        <div class="body">
          <Trouble failure={failure} />
        </div>
      )}
      {read !== undefined && (
        <div class="body columns">
          <PayloadView id={id} name="input" payload={read.spec?.input} />
          {isFinalJob(read) && <PayloadView id={id} name="output" payload={read.output} />}
        </div>
      )}
    </section>
  );
}

interface ViewProps {
  readonly id: string;
  readonly name: 'input' | 'output';
  readonly payload: Payload | undefined;
}

function PayloadView({ id, name, payload }: ViewProps) {
  const view = payloadView(payload);
  const flag = name === 'input' ? '--input' : undefined;
  return (
    <div class="plan">
      <h3>
        {name} <small class="soft">{view.sizeBytes > 0 && bytesText(view.sizeBytes)}</small>
      </h3>
      {view.kind === 'none' && <p class="note">none</p>}
      {view.kind === 'tree' && <JsonTree value={view.value} />}
      {view.kind === 'text' && (
        <pre class="raw" tabIndex={0} aria-label={name}>
          <Text value={view.text} />
        </pre>
      )}
      {view.kind === 'gone' && <p class="note">gone: {codeOf(payload?.gone, 'PAYLOAD_GONE_').toLowerCase()}</p>}
      {view.kind === 'withheld' && (
        <p class="note">
          {bytesText(countOf(payload?.withheldBytes))} are hidden: you lack the permission <code>payloads.read</code>.
        </p>
      )}
      {view.isCut && <p class="note">The first 256 KiB are shown.</p>}
      {view.kind === 'large' && <p class="note">More than an answer holds. The command line reads it:</p>}
      {(view.isCut || view.kind === 'large') && <Cli line={cliLine(['output', id, flag])} />}
      {view.bytes !== undefined && (
        <Download name={`${id}-${name}${view.isJson ? '.json' : '.bin'}`} bytes={view.bytes} />
      )}
    </div>
  );
}

function Download({ name, bytes }: { readonly name: string; readonly bytes: () => BlobPart }) {
  const save = (): void => {
    const url = URL.createObjectURL(new Blob([bytes()], { type: 'application/octet-stream' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = name;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <div>
      <button type="button" onClick={save}>
        Download
      </button>
    </div>
  );
}
