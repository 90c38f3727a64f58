/**
 * From the certificate of a client to a principal. The one URI among its alternative names decides (SPIFFE), and a table of
 * the configuration. Its subject and its other names are not looked at: authorities check them by rules of their own.
 */
import type { Principal } from './principal.ts';
import { grantsOf, type Grants, type Roles } from './role.ts';

/** Who has certificates with this URI. */
export interface CertificateIdentity {
  /** A URI, or the beginning of URIs with `/*` at its end: `spiffe://corp/ns/billing/*`. */
  readonly uri: string;
  /** Undefined: calls about the cluster only. */
  readonly tenant?: string | undefined;
  readonly roles: readonly string[];
}

export interface ClientCertificate {
  /** As OpenSSL prints them: `URI:spiffe://corp/ns/billing, DNS:billing.corp`. */
  readonly alternativeNames: string;
  readonly expiresAtMs: number;
}

const uriPattern = /^[a-z][a-z0-9+.-]*:\/\/[\x21-\x7e]+$/;
/** After the scheme. */
const misleading = /["%?#\\]|\/\.{0,2}(?=\/|$)/;
const uriMaxChars = 512;

/** A URI that a certificate can have, or the beginning of such with `/*`. */
export function isIdentity(uri: string): boolean {
  const beginning = uri.replace(/\/\*$/, '/x');
  return isUri(beginning) && !beginning.includes('*');
}

function isUri(text: string): boolean {
  return text.length <= uriMaxChars && uriPattern.test(text) && !misleading.test(text.slice(text.indexOf('://') + 3));
}

/** One name with its kind. Node quotes a name that holds what separates names. */
const namePattern = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

interface KnownIdentity extends Grants {
  readonly tenant: string | undefined;
  readonly roles: readonly string[];
}

export class CertificateTable {
  readonly #exact = new Map<string, KnownIdentity>();
  /** Longest first. */
  readonly #beginnings: readonly (readonly [beginning: string, identity: KnownIdentity])[];

  constructor(identities: readonly CertificateIdentity[], roles: Roles) {
    const beginnings = new Map<string, KnownIdentity>();
    for (const { uri, tenant, roles: given } of identities) {
      const sorted = [...new Set(given)].sort();
      const known = { tenant, roles: sorted, ...grantsOf(roles, sorted) };
      if (uri.endsWith('/*')) beginnings.set(uri.slice(0, -1), known);
      else this.#exact.set(uri, known);
    }
    this.#beginnings = [...beginnings].sort(([one], [other]) => other.length - one.length);
  }

  /** Throws an Error, whose text is for the log, if the certificate says nobody, or somebody whom the table does not have. */
  principalOf({ alternativeNames, expiresAtMs }: ClientCertificate): Principal {
    const uri = onlyUri(alternativeNames);
    const identity = this.#exact.get(uri) ?? this.#beginnings.find(([beginning]) => uri.startsWith(beginning))?.[1];
    if (identity === undefined)
      throw new Error('the URI of a client certificate is in no identity of the configuration');
    return { kind: 'certificate', id: uri, ...identity, expiresAtMs };
  }
}

/**
 * A certificate with two URIs could be taken for either. One with dots between its slashes could be meant for another
 * identity than the one whose beginning it has.
 */
function onlyUri(alternativeNames: string): string {
  const uris = namesOf(alternativeNames).filter(([kind]) => kind === 'URI');
  const [first, second] = uris.map(([, name]) => name);
  if (first === undefined) throw new Error('a client certificate has no URI among its alternative names');
  if (second !== undefined) throw new Error('a client certificate has several URIs among its alternative names');
  if (!isUri(first)) throw new Error('the URI of a client certificate is none that an identity can have');
  return first;
}

function namesOf(text: string): (readonly [kind: string, name: string])[] {
  const names: (readonly [string, string])[] = [];
  let at = 0;
  while (at < text.length) {
    namePattern.lastIndex = at;
    const [all, kind, name] = namePattern.exec(text) ?? [];
    if (all === undefined || kind === undefined || name === undefined)
      throw new Error('the alternative names of a client certificate cannot be read');
    names.push([kind, name]);
    at += all.length;
  }
  return names;
}
