/**
 * Formats the output of `troupe queues diff` and `apply`, and of the same for tenants, for people. Settings have the names of the
 * file.
 */
import type { QueuePlan, QueueStep, SettingChange, SettingValue, TenantPlan, TenantStep } from '../../client/index.ts';
import { defaultQueueName } from '../../domain/queue.ts';
import { exactDurationText } from '../../domain/duration-text.ts';

function valueText(setting: string, value: SettingValue): string {
  if (value === null) return 'none';
  return setting.endsWith('Ms') && typeof value === 'number' ? exactDurationText(value) : String(value);
}

function changeText({ setting, from, to }: SettingChange): string {
  const name = setting.replace(/Ms$/, '');
  return `    ${name}: ${valueText(setting, from)} -> ${valueText(setting, to)}\n`;
}

function changesText(changes: readonly SettingChange[]): string {
  return changes.map(changeText).join('');
}

type Plan = QueuePlan | TenantPlan;

/** With `prune`, undeclared queues and tenants are shown as to be deleted. */
export function planText(plan: Plan, prune: boolean): string {
  const { kind, name } = plan;
  switch (kind) {
    case 'create':
      return `+ ${name}: to be created\n${changesText(plan.changes)}`;
    case 'update':
      return `~ ${name}: to be changed\n${changesText(plan.changes)}`;
    case 'unchanged':
      return `  ${name}: matches the file\n`;
    case 'undeclared':
      return isPruned(plan, prune) ? `- ${name}: to be deleted\n` : `? ${name}: is not in the file, and stays\n`;
    case 'deleting':
      return `! ${name}: is being deleted, and cannot be changed\n`;
  }
}

export function stepText({ done, name, changes }: QueueStep | TenantStep): string {
  switch (done) {
    case 'created':
    case 'updated':
    case 'deleted':
      return `${name}: ${done}\n${changesText(changes)}`;
    case 'unchanged':
      return `${name}: matches the file\n`;
    case 'undeclared':
      return `${name}: is not in the file, and stays\n`;
    case 'in-use':
      return `${name}: is not in the file, and stays, because it has queues or service accounts\n`;
    case 'deleting':
      return `${name}: is being deleted, and cannot be changed\n`;
    case 'overtaken':
      return `${name}: somebody else changed it meanwhile, comparing again\n`;
  }
}

/** True if it would be deleted. The default queue never is, nor is the default tenant, which has the same name. */
export function isPruned({ kind, name }: Plan, prune: boolean): boolean {
  return kind === 'undeclared' && prune && name !== defaultQueueName;
}

/** True if `apply` would do nothing. */
export function isSettled(plans: readonly Plan[], prune: boolean): boolean {
  return plans.every((plan) => plan.kind === 'unchanged' || (plan.kind === 'undeclared' && !isPruned(plan, prune)));
}
