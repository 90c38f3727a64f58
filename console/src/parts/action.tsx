/**
 * A button that changes something, and the dialog before it: what will happen, to how many jobs, the line that does the same,
 * and why, for the audit log.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { CallFailure, CallResult } from '../wire/call.ts';
import { call } from '../site/session.ts';
import { Cli } from './cli.tsx';
import { Trouble } from './panel.tsx';

export interface ActionProps<Answer> {
  readonly label: string;
  readonly title: string;
  /** What happens, and to how much. */
  readonly children: ComponentChildren;
  readonly cli: (auditReason: string) => string;
  readonly method: string;
  readonly request: () => object;
  readonly onDone: (answer: Answer) => void;
  readonly tone?: 'plain' | 'danger';
  readonly isDisabled?: boolean;
  readonly disabledWhy?: string;
}

export function Action<Answer>(props: ActionProps<Answer>) {
  const [isOpen, setOpen] = useState(false);
  const { label, isDisabled = false, disabledWhy = '' } = props;
  return (
    <>
      <button type="button" disabled={isDisabled} title={isDisabled ? disabledWhy : ''} onClick={() => setOpen(true)}>
        {label}
      </button>
      {isOpen && <ActionDialog {...props} onClose={() => setOpen(false)} />}
    </>
  );
}

function ActionDialog<Answer>(props: ActionProps<Answer> & { readonly onClose: () => void }) {
  const { label, title, children, cli, method, request, onDone, onClose, tone = 'plain' } = props;
  const [auditReason, setAuditReason] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<CallFailure | undefined>(undefined);
  const run = async (): Promise<void> => {
    setBusy(true);
    const result: CallResult<Answer> = await call<Answer>(method, request(), { auditReason });
    setBusy(false);
    setFailure(result.isOk ? undefined : result.failure);
    if (!result.isOk) return;
    onClose();
    onDone(result.answer);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        {children}
        <label class="field">
          <span>Why, for the audit log</span>
          <input
            value={auditReason}
            maxLength={500}
            autocomplete="off"
            placeholder="such as INC-1234"
            onInput={(event) => setAuditReason(event.currentTarget.value)}
          />
        </label>
        <Cli line={cli(auditReason)} />
        {failure !== undefined && <Trouble failure={failure} />}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class={tone === 'danger' ? 'danger' : 'main'} disabled={isBusy}>
            {label}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => element.current?.showModal(), []);
  return (
    <dialog ref={element} aria-labelledby={titleId} onClose={onClose}>
      <div class="stack">
        <h2 id={titleId}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
