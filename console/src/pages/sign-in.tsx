/** Asks for a credential when the gateway does. It stays in this tab. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { signIn } from '../site/session.ts';
import { Text } from '../parts/text.tsx';

export function SignIn({ why }: { readonly why: string }) {
  const [text, setText] = useState('');
  const [failure, setFailure] = useState('');
  const [isBusy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = async (): Promise<void> => {
    setBusy(true);
    const problem = await signIn(text);
    setBusy(false);
    setFailure(problem ?? '');
  };
  return (
    <main class="sign-in">
      <section class="panel">
        <div class="body">
          <form
            class="plan"
            onSubmit={(event) => {
              event.preventDefault();
              void submit();
            }}
          >
            <h1 tabIndex={-1}>Sign in to Troupe</h1>
            <p class="soft">
              The gateway says: <Text value={why} />
            </p>
            <label class="field">
              <span>API key or token</span>
              <input
                ref={field}
                type="password"
                autocomplete="off"
                required
                value={text}
                onInput={(event) => setText(event.currentTarget.value)}
              />
            </label>
            {failure !== '' && (
              <p class="trouble" role="alert">
                <Text value={failure} />
              </p>
            )}
            <button type="submit" class="main" disabled={isBusy}>
              Sign in
            </button>
            <p class="soft">
              It is kept in this tab until it closes or you sign out. <code>troupe keys create ACCOUNT</code> makes an
              API key.
            </p>
          </form>
        </div>
      </section>
    </main>
  );
}
