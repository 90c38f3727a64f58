/**
 * Decides whether a request may come from where it comes. A browser lets every page on the web send requests to every
 * address that it reaches, loopback and company networks included, and a name can be pointed at any address.
 *
 * - `Host` must be an address, `localhost`, or a name of the configuration. A page whose name was pointed here sends its
 *   own name; one that has an address for a name was itself loaded from there.
 * - A call must come from a page of the same origin, or of a name in the configuration, or from no page at all.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

export interface SiteRules {
  /** Lower-case names, perhaps with a port. */
  readonly hosts: readonly string[];
  /** The host of the configuration, which may be a name. */
  readonly ownHost: string;
  readonly hasTls: boolean;
}

export interface SiteCheck {
  /** Why the request is refused, whatever it asks for. */
  ofHost(headers: IncomingHttpHeaders): string | undefined;
  /** Why a call is refused that a page makes. */
  ofCaller(headers: IncomingHttpHeaders): string | undefined;
}

export function createSiteCheck({ hosts, ownHost, hasTls }: SiteRules): SiteCheck {
  const listed = new Set(hosts.map((host) => host.toLowerCase()));
  const own = new Set(['localhost', ownHost.toLowerCase()]);
  const isListed = ({ host, hostname }: URL): boolean => listed.has(host) || listed.has(hostname);

  return {
    ofHost({ host = '' }) {
      const url = originOf(`http://${host}`);
      if (url !== undefined && (own.has(url.hostname) || isAddress(url.hostname) || isListed(url))) return undefined;
      return `the header Host names ${JSON.stringify(host.slice(0, 128))}, which is no name of this gateway: see gateway.web.hosts`;
    },

    ofCaller({ host = '', origin, 'sec-fetch-site': site }) {
      const page = origin === undefined ? undefined : originOf(origin);
      if (origin !== undefined) {
        const isSafe = page !== undefined && (page.protocol === 'https:' || (page.protocol === 'http:' && !hasTls));
        const isOwn = isSafe && page.host === originOf(`${page.protocol}//${host}`)?.host;
        if (!isOwn && !(isSafe && isListed(page))) return 'pages of other origins may not call: see gateway.web.hosts';
        // The origin says more than the site, and nothing but the browser can set it.
        if (!isOwn) return undefined;
      }
      if (site === undefined || site === 'same-origin' || site === 'none') return undefined;
      return 'pages of other sites may not call: see gateway.web.hosts';
    },
  };
}

/** A whole origin and nothing more, so that nothing hides in what is left out. */
function originOf(text: string): URL | undefined {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return undefined;
  return url.pathname === '/' && url.search === '' && url.hash === '' && !text.endsWith('/') ? url : undefined;
}

function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0;
}
