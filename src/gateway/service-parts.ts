/** Dependencies of the methods of every service. */
import type { UseCases } from '../application/use-cases.ts';
import type { Admission } from './admission.ts';
import type { CallScope } from './call-scope.ts';
import type { StatusMapper } from './status-mapper.ts';

/** What a follower is told. */
export interface FollowersPlace {
  readonly servers: readonly string[];
  readonly subjectRoot: string;
}

export interface ServiceParts {
  readonly useCases: UseCases;
  readonly scope: CallScope;
  readonly admission: Admission;
  readonly mapper: StatusMapper;
  /** Where followers log in to NATS. Absent: gateways give no such logins. */
  readonly followers?: FollowersPlace | undefined;
  /** Epoch ms by the clock of this machine, as in tokens and API keys. */
  readonly wallMs: () => number;
}
