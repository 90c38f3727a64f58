/**
 * The address of a page. All of what a page shows is in it, so that a link shows another person the same. A page is one word
 * below the folder of the console, and never deeper: relative links then work below any path.
 */
export const pageNames = [
  'overview',
  'queues',
  'queue',
  'jobs',
  'failures',
  'job',
  'nodes',
  'shards',
  'actors',
] as const;

export type PageName = (typeof pageNames)[number];

export interface Route {
  /** `unknown` when there is no page of that name. */
  readonly page: PageName | 'unknown';
  readonly query: URLSearchParams;
}

/** From `/troupe/job?id=1`: the last word names the page, and none is the overview. */
export function routeOf(path: string, search: string): Route {
  const word = path.slice(path.lastIndexOf('/') + 1);
  const page = word === '' || word === 'index.html' ? 'overview' : pageNames.find((name) => name === word);
  return { page: page ?? 'unknown', query: new URLSearchParams(search) };
}

/** Parts without a value are left out. */
export type QueryParts = Readonly<Record<string, string | readonly string[] | undefined>>;

export function linkTo(page: PageName, parts: QueryParts = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) {
    for (const each of typeof value === 'string' ? [value] : (value ?? [])) {
      if (each !== '') query.append(name, each);
    }
  }
  const text = query.toString();
  return `./${page === 'overview' ? '' : page}${text === '' ? '' : `?${text}`}`;
}

const idPattern = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;
const queuePattern = /^[A-Za-z0-9_-]{1,64}$/;

/** The id of a job anywhere in what was pasted: in a line of a log, in a link. */
export function jobIdIn(text: string): string | undefined {
  return idPattern.exec(text)?.[0].toLowerCase();
}

/** Where the search field leads. */
export function searchLink(text: string): string | undefined {
  const id = jobIdIn(text);
  if (id !== undefined) return linkTo('job', { id });
  const word = text.trim();
  const label = /^([A-Za-z0-9][A-Za-z0-9._/-]{0,62})=(.{0,128})$/.exec(word);
  if (label !== null) return linkTo('jobs', { label: word });
  if (queuePattern.test(word)) return linkTo('queue', { name: word });
  return undefined;
}
