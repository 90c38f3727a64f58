/** IAM policies as plain data. Each permission names its actions and, where AWS allows it, its resources. */

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

/** A trust policy: a service of AWS may assume the role. */
export function trustedService(service: 'eks.amazonaws.com' | 'ec2.amazonaws.com'): string {
  return policyDocument([
    { Sid: 'Service', Effect: 'Allow', Action: ['sts:AssumeRole'], Principal: { Service: service } },
  ]);
}

/** A trust policy: pods of one service account may assume the role, by an association of EKS Pod Identity. */
export function trustedPods(): string {
  const Principal = { Service: 'pods.eks.amazonaws.com' };
  return policyDocument([{ Sid: 'Pods', Effect: 'Allow', Action: ['sts:AssumeRole', 'sts:TagSession'], Principal }]);
}
