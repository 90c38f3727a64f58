/** Answers to a GET or HEAD: the files of the console, with headers under which a page can do little harm. */
import type { IncomingHttpHeaders } from 'node:http';
import { given } from '../../domain/given.ts';
import type { ConsoleAssets } from './console-assets.ts';

export interface FileAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Nothing but what this origin serves: no inline script or style, no other site, no frame around it. */
const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

const pageHeaders = {
  'content-security-policy': contentPolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

const withoutConsole =
  'This gateway serves calls in JSON here: POST /troupe.v1.Jobs/GetJob.\n' +
  'The console is not in this build: `npm run console` builds it.\n';

/** `files` is undefined if it was not built or is not wanted. */
export function consoleAnswer(
  files: ConsoleAssets | undefined,
  path: string,
  headers: IncomingHttpHeaders,
): FileAnswer {
  const isPage = !/\.[^/]*$/.test(path);
  if (files === undefined)
    return isPage && path === '/' ? text(200, withoutConsole) : text(404, 'there is no such file\n');
  // The forms of a file are for those who accept them.
  const name = isPage ? '/index.html' : path;
  const asset = /\.(br|gz)$/.test(name) ? undefined : files.find(name);
  if (asset === undefined) return text(404, 'there is no such file\n');
  const packed = packedForm(files, name, headers['accept-encoding']);
  const { body, etag } = packed?.asset ?? asset;
  const shared = {
    ...pageHeaders,
    etag,
    vary: 'accept-encoding',
    'cache-control': asset.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
  };
  if (isKnown(headers['if-none-match'], etag)) return { status: 304, headers: shared, body: Buffer.alloc(0) };
  const described = given({ 'content-type': asset.contentType, 'content-encoding': packed?.encoding });
  return { status: 200, headers: { ...shared, ...described }, body };
}

function packedForm(files: ConsoleAssets, name: string, accepted: string | string[] = '') {
  const accepts = new Set(
    String(accepted)
      .split(',')
      .map((part) => part.trim().toLowerCase())
      .filter((part) => !/;\s*q=0(\.0*)?$/.test(part))
      .map((part) => part.split(';')[0]),
  );
  for (const [encoding, ending] of [
    ['br', '.br'],
    ['gzip', '.gz'],
  ] as const) {
    const asset = accepts.has(encoding) ? files.find(name + ending) : undefined;
    if (asset !== undefined) return { encoding, asset };
  }
  return undefined;
}

function isKnown(known: string | undefined, etag: string): boolean {
  if (known === undefined) return false;
  return known.split(',').some((each) => each.trim().replace(/^W\//, '') === etag || each.trim() === '*');
}

function text(status: number, body: string): FileAnswer {
  const headers = { ...pageHeaders, 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
  return { status, headers, body: Buffer.from(body) };
}
