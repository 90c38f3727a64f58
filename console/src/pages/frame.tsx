/** What is around every page: the list of pages, the search, who looks, and the sign-in when the gateway wants one. */
import { useEffect, useState } from 'preact/hooks';
import { Dialog } from '../parts/action.tsx';
import { LineIcon } from '../parts/icons.tsx';
import { Text } from '../parts/text.tsx';
import { isHelpOpen, pageKeys } from '../site/keys.ts';
import { go, route } from '../site/navigation.ts';
import { linkTo, type PageName, searchLink } from '../site/route.ts';
import { caller, hasCredential, signOut, wantsCredential } from '../site/session.ts';
import { nextTheme, theme } from '../site/theme.ts';
import { Page, titleOf } from './page.tsx';
import { SignIn } from './sign-in.tsx';

interface PageEntry {
  readonly page: PageName;
  readonly name: string;
  /** Without it, the page would only say that it is missing. */
  readonly permission: string;
}

const groups: readonly { readonly name: string; readonly pages: readonly PageEntry[] }[] = [
  {
    name: 'Work',
    pages: [
      { page: 'overview', name: 'Overview', permission: 'queues.read' },
      { page: 'queues', name: 'Queues', permission: 'queues.read' },
      { page: 'jobs', name: 'Jobs', permission: 'jobs.read' },
      { page: 'failures', name: 'Failures', permission: 'jobs.read' },
    ],
  },
  {
    name: 'Cluster',
    pages: [
      { page: 'nodes', name: 'Nodes', permission: 'cluster.read' },
      { page: 'shards', name: 'Shards', permission: 'cluster.read' },
      { page: 'actors', name: 'Actors', permission: 'cluster.read' },
    ],
  },
];

export function Frame() {
  const { page } = route.value;
  useEffect(() => {
    document.title = `${titleOf(route.value)} · Troupe`;
  }, [route.value]);
  if (wantsCredential.value !== undefined) return <SignIn why={wantsCredential.value} />;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <div class="frame">
        <Side current={page} />
        <div>
          <Bar />
          <main id="main">
            <Page />
          </main>
        </div>
      </div>
      {isHelpOpen.value && <Help />}
    </>
  );
}

function Side({ current }: { readonly current: string }) {
  const permissions = caller.value?.permissions;
  const keys = new Map([...pageKeys].map(([key, page]) => [page, key]));
  const belongsTo = current === 'queue' ? 'queues' : current === 'job' ? 'jobs' : current;
  return (
    <header class="side">
      <a class="brand" href="./" aria-label="Troupe, overview">
        <img src="./icon.svg" width="20" height="20" alt="" />
        Troupe
      </a>
      <nav aria-label="Pages">
        {groups.map(({ name, pages }) => {
          // Until it is known who looks, all are there: a list that grows under the pointer is worse.
          const seen = pages.filter(({ permission }) => permissions?.includes(permission) ?? true);
          if (seen.length === 0) return null;
          return (
            <ul key={name} aria-label={name}>
              {seen.map((entry) => (
                <li key={entry.page}>
                  <a href={linkTo(entry.page)} aria-current={belongsTo === entry.page ? 'page' : undefined}>
                    {entry.name}
                    {keys.has(entry.page) && <kbd aria-hidden="true">g {keys.get(entry.page)}</kbd>}
                  </a>
                </li>
              ))}
            </ul>
          );
        })}
      </nav>
      <Who />
    </header>
  );
}

function Who() {
  const known = caller.value;
  if (known === undefined) return null;
  return (
    <div class="who soft">
      <Text value={known.principal ?? ''} />
      {known.tenant !== undefined && (
        <span>
          tenant <Text value={known.tenant} />
        </span>
      )}
      {(known.roles ?? []).length > 0 && <Text value={(known.roles ?? []).join(', ')} />}
      {hasCredential.value && (
        <button type="button" onClick={signOut}>
          Sign out
        </button>
      )}
    </div>
  );
}

function Bar() {
  const [text, setText] = useState('');
  const [isLost, setLost] = useState(false);
  const search = (): void => {
    const link = searchLink(text);
    setLost(link === undefined && text.trim() !== '');
    if (link === undefined) return;
    setText('');
    go(link);
  };
  return (
    <div class="bar" role="region" aria-label="Search and settings">
      <form
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          search();
        }}
      >
        <input
          id="search"
          type="search"
          value={text}
          autocomplete="off"
          spellcheck={false}
          aria-label="Go to a job by its id, to a queue by its name, or to jobs by a label"
          aria-invalid={isLost}
          placeholder="job id, queue, or label=value"
          onInput={(event) => setText(event.currentTarget.value)}
          onPaste={(event) => {
            const link = searchLink(event.clipboardData?.getData('text') ?? '');
            if (link?.startsWith('./job?') !== true) return;
            event.preventDefault();
            go(link);
          }}
          onKeyDown={(event) => {
            if (event.key === 'Escape') event.currentTarget.blur();
          }}
        />
        <kbd aria-hidden="true">/</kbd>
        <span class="unseen" role="status">
          {isLost ? 'That is no job id, no name of a queue and no label' : ''}
        </span>
      </form>
      <div class="tools">
        <button
          type="button"
          class="bare"
          onClick={nextTheme}
          aria-label={`Colours: ${theme.value}. Change`}
          title={`colours: ${theme.value}`}
        >
          <LineIcon name={theme.value} />
        </button>
        <button type="button" class="bare" onClick={() => (isHelpOpen.value = true)} aria-label="Help" title="help (?)">
          <LineIcon name="help" />
        </button>
      </div>
    </div>
  );
}

function Help() {
  const keys: readonly (readonly [string, string])[] = [
    ...[...pageKeys].map(([key, page]) => [`g ${key}`, page] as const),
    ['/', 'search: a job id from anywhere, a queue, or label=value'],
    ['?', 'this help'],
    ['Esc', 'close'],
  ];
  return (
    <Dialog title="Keys" onClose={() => (isHelpOpen.value = false)}>
      <dl class="facts">
        {keys.map(([key, what]) => (
          <>
            <dt key={key}>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
      <p class="soft">
        All that a page shows is in its address: send the link. Figures are asked again every one to five seconds while
        the page is seen. Times are those of the gateway, in the time zone of this browser.
      </p>
      <form method="dialog" class="buttons">
        <button type="submit">Close</button>
      </form>
    </Dialog>
  );
}
