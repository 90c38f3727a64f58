/**
 * The files of the console, read once at the start. Only what was listed then can be asked for, so no path leads out of the
 * folder.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';

interface ConsoleAsset {
  readonly body: Buffer;
  readonly contentType: string;
  readonly etag: string;
  /** Its name says what is in it, so it never changes. */
  readonly immutable: boolean;
}

export interface ConsoleAssets {
  /** `/index.html`, `/main-4KXQ2ZTA.js`; `.br` and `.gz` are forms of the file before it. */
  find(path: string): ConsoleAsset | undefined;
}

const contentTypes: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
  ['.png', 'image/png'],
  ['.ico', 'image/x-icon'],
  ['.json', 'application/json'],
  ['.webmanifest', 'application/manifest+json'],
  ['.txt', 'text/plain; charset=utf-8'],
]);

/** As esbuild writes hashes: `-4KXQ2ZTA.js`. */
const hashedPattern = /-[0-9A-Z]{8}\.[a-z]/;

export function readConsoleAssets(folder: string): ConsoleAssets {
  const assets = new Map<string, ConsoleAsset>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const contentType = contentTypes.get(extname(entry.name.replace(/\.(br|gz)$/, '')));
    // What has no known type is no part of the console, such as notes of its build.
    if (!entry.isFile() || contentType === undefined) continue;
    const file = join(entry.parentPath, entry.name);
    const path = `/${relative(folder, file).split(sep).join('/')}`;
    const body = readFileSync(file);
    assets.set(path, {
      body,
      contentType,
      etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
      immutable: hashedPattern.test(path),
    });
  }
  return { find: (path) => assets.get(path) };
}
