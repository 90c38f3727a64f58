import { EventEmitter } from 'node:events';
import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { createSendBudget } from '../../../src/gateway/send-budget.ts';
import { StreamOwners } from '../../../src/gateway/stream-owners.ts';
import { noTelemetry } from '../../support/stores.ts';

describe('the budget of what is sent', () => {
  it('gives a tenant nine times what is free, and so leaves room for the next', () => {
    const budget = createSendBudget(1_000, noTelemetry);
    budget.hold('flood', 899);
    expect(() => budget.ensureRoom('flood')).not.toThrow();
    const release = budget.hold('flood', 1);
    expect(() => budget.ensureRoom('flood')).toThrow(/too many answers/);
    expect(() => budget.ensureRoom('calm')).not.toThrow();
    release();
    release();
    expect(budget.heldBytes()).toBe(899);
    expect(() => budget.ensureRoom('flood')).not.toThrow();
  });

  it('is one for all: what is past it is refused to everybody', () => {
    const budget = createSendBudget(1_000, noTelemetry);
    budget.hold('toString', 2_000);
    expect(() => budget.ensureRoom('calm')).toThrow(/too many answers/);
  });

  it('gives downloads a share of it, which tenants share as well', () => {
    const budget = createSendBudget(1_000, noTelemetry);
    budget.hold('flood', 541);
    expect(() => budget.ensureRoom('flood', 0.6)).toThrow(/too many answers/);
    expect(() => budget.ensureRoom('flood')).not.toThrow();
    expect(() => budget.ensureRoom('calm', 0.6)).not.toThrow();
  });
});

describe('whose a stream is', () => {
  const metadataOf = (headers: Record<string, unknown>): Metadata => {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, String(value));
    return metadata;
  };

  it('is known when its call is, and forgotten with it', () => {
    const owners = new StreamOwners();
    const [first, second] = [new EventEmitter(), new EventEmitter()];
    // A client that names a stream of another one is not believed.
    const [ofFirst, ofSecond] = [{}, { 'x-troupe-stream': '1' }];
    const [firstTenant, secondTenant] = [owners.begin(first, ofFirst), owners.begin(second, ofSecond)];
    expect(firstTenant()).toBe('');
    owners.belongs({ metadata: metadataOf(ofSecond) }, 'acme');
    expect([firstTenant(), secondTenant()]).toEqual(['', 'acme']);
    second.emit('close');
    expect(secondTenant()).toBe('acme');
    owners.belongs({ metadata: metadataOf(ofSecond) }, 'other');
    owners.belongs({ metadata: new Metadata() }, 'other');
    expect([firstTenant(), secondTenant()]).toEqual(['', 'acme']);
  });
});
