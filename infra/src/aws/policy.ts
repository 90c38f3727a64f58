/** IAM policies as plain data. What a role may do is named action by action, on named resources. */

export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: readonly string[];
  readonly Resource?: readonly string[];
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

export function policyDocument(statements: readonly Statement[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

/** Who may take a role: a service of AWS. */
export function trustedService(service: 'eks.amazonaws.com' | 'ec2.amazonaws.com'): string {
  return policyDocument([
    { Sid: 'Service', Effect: 'Allow', Action: ['sts:AssumeRole'], Principal: { Service: service } },
  ]);
}

/** Who may take a role: pods of one service account, by an association of EKS Pod Identity. */
export function trustedPods(): string {
  const Principal = { Service: 'pods.eks.amazonaws.com' };
  return policyDocument([{ Sid: 'Pods', Effect: 'Allow', Action: ['sts:AssumeRole', 'sts:TagSession'], Principal }]);
}
