/**
 * A call of the gateway in Connect's unary JSON form: a POST with the request as JSON, an answer or an error as JSON. What
 * goes wrong on the way has a code, too, so that every panel can say one.
 */
export interface CallFailure {
  /** In the words of Connect: `not_found`; `offline` when the gateway cannot be reached. */
  readonly code: string;
  /** Of the registry of errors, such as `JOB_NOT_FOUND`. Empty if the answer has none. */
  readonly reason: string;
  readonly message: string;
  readonly violations: readonly FieldViolation[];
  /** How long the gateway asks to be left alone. */
  readonly retryAfterMs: number | undefined;
}

interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

export type CallResult<Answer> =
  | { readonly isOk: true; readonly answer: Answer; readonly serverMs: number | undefined }
  | { readonly isOk: false; readonly failure: CallFailure; readonly serverMs: number | undefined };

export interface CallSettings {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly auditReason?: string;
}

export interface Caller {
  /** Never rejects. `method` is `Jobs/GetJob`. */
  call<Answer>(method: string, request: object, settings?: CallSettings): Promise<CallResult<Answer>>;
}

export interface CallerParts {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly credential: () => string | undefined;
}

const defaultTimeoutMs = 10_000;

export function createCaller({ fetch, credential }: CallerParts): Caller {
  return {
    async call<Answer>(method: string, request: object, settings: CallSettings = {}): Promise<CallResult<Answer>> {
      const { timeoutMs = defaultTimeoutMs, auditReason, signal } = settings;
      const headers: Record<string, string> = {
        'content-type': 'application/json',
        'connect-protocol-version': '1',
        'connect-timeout-ms': String(timeoutMs),
      };
      const token = credential();
      if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
      if (auditReason !== undefined && auditReason !== '') headers['troupe-reason-bin'] = base64Of(auditReason);
      // The gateway keeps to the deadline; this one is for a connection that says nothing any more.
      const late = AbortSignal.timeout(timeoutMs + 2_000);
      const either = signal === undefined ? late : AbortSignal.any([late, signal]);
      try {
        // Relative, so that it works below a path.
        const body = JSON.stringify(request);
        const response = await fetch(`./troupe.v1.${method}`, { method: 'POST', headers, body, signal: either });
        const text = await response.text();
        const serverMs = dateOf(response.headers.get('date'));
        if (response.ok) return { isOk: true, answer: JSON.parse(text) as Answer, serverMs };
        const failure = failureOf(response.status, text, response.headers.get('retry-after'));
        return { isOk: false, failure, serverMs };
      } catch (error) {
        const code = signal?.aborted === true ? 'canceled' : late.aborted ? 'deadline_exceeded' : 'offline';
        return { isOk: false, failure: plainFailure(code, messages[code] ?? String(error)), serverMs: undefined };
      }
    },
  };
}

const messages: Readonly<Record<string, string>> = {
  offline: 'the gateway cannot be reached',
  deadline_exceeded: 'the gateway did not answer in time',
};

export function plainFailure(code: string, message: string): CallFailure {
  return { code, reason: '', message, violations: [], retryAfterMs: undefined };
}

interface ErrorDetail {
  readonly type?: string;
  readonly debug?: {
    readonly reason?: string;
    readonly fieldViolations?: readonly { readonly field?: string; readonly description?: string }[];
  };
}

/** Exported for tests. An answer of something between the browser and the gateway is no JSON. */
export function failureOf(status: number, text: string, retryAfter: string | null): CallFailure {
  const retryAfterMs = retryAfter === null ? undefined : Number(retryAfter) * 1_000 || undefined;
  try {
    const { code, message, details } = JSON.parse(text) as {
      readonly code?: string;
      readonly message?: string;
      readonly details?: readonly ErrorDetail[];
    };
    const debugs = (details ?? []).flatMap(({ debug }) => (debug === undefined ? [] : [debug]));
    return {
      code: code ?? codeOf(status),
      message: message ?? '',
      reason: debugs.find(({ reason }) => reason !== undefined)?.reason ?? '',
      violations: debugs
        .flatMap(({ fieldViolations = [] }) => fieldViolations)
        .map(({ field = '', description = '' }) => ({ field, description })),
      retryAfterMs,
    };
  } catch {
    return { ...plainFailure(codeOf(status), `the answer has the status ${status}`), retryAfterMs };
  }
}

function codeOf(status: number): string {
  const known = new Map([
    [401, 'unauthenticated'],
    [403, 'permission_denied'],
    [404, 'unimplemented'],
    [429, 'unavailable'],
  ]);
  return known.get(status) ?? (status >= 502 && status <= 504 ? 'unavailable' : 'unknown');
}

function dateOf(text: string | null): number | undefined {
  const ms = text === null ? NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

function base64Of(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
