/**
 * What a caller may see of actors. They belong to the cluster, but the note of a run is a text of its handler, and thus of
 * some tenant: nothing says which. So only callers that see all of them see it: the operator, and anyone where no credential
 * is asked for.
 */
import type * as wire from '../contract/messages.ts';
import type { Principal } from '../domain/access/principal.ts';
import { assertNever } from '../domain/errors.ts';

type Reader = Pick<Principal, 'kind'>;

export function actorsFor<Row extends wire.Actor>(reader: Reader, actors: readonly Row[]): readonly Row[] {
  return seesNotes(reader) ? actors : actors.map(withoutNote);
}

export function reportsFor(reader: Reader, reports: readonly wire.ActorReport[]): readonly wire.ActorReport[] {
  if (seesNotes(reader)) return reports;
  return reports.map((report) => ({
    ...report,
    actor: report.actor && withoutNote(report.actor),
    children: report.children.map(withoutNote),
  }));
}

/** A new kind of caller has to be decided here. */
function seesNotes({ kind }: Reader): boolean {
  switch (kind) {
    case 'operator':
    case 'anyone':
      return true;
    case 'subject':
    case 'service':
    case 'certificate':
      return false;
    default:
      return assertNever(kind);
  }
}

function withoutNote<Row extends wire.Actor>(actor: Row): Row {
  return actor.run ? { ...actor, run: { ...actor.run, note: '' } } : actor;
}
