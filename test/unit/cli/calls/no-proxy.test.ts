import { expect, it } from 'vitest';
import { isUnproxied } from '../../../../src/cli/calls/no-proxy.ts';

it.each([
  ['troupe.example.com', 'example.com', true],
  ['troupe.example.com', '.example.com', true],
  ['troupe.example.com', '*.example.com', true],
  ['troupe.example.com', ' localhost , TROUPE.example.com ', true],
  ['troupe.example.com', 'troupe.example.com:50051', true],
  ['troupe.example.com', 'troupe.example.com:443', false],
  ['troupe.example.com', '*', true],
  ['troupe.example.com', 'ample.com', false],
  ['troupe.example.com', '', false],
  ['10.0.0.7', '10.0.0.7,10.0.0.8', true],
  ['10.0.0.7', '10.0.0.70', false],
  ['fd00::1', 'fd00::1', true],
  ['fd00::1', '[fd00::1]:50051', true],
])('%s with no_proxy=%j: %s', (host, list, expected) => {
  expect(isUnproxied({ host, port: 50_051 }, list)).toBe(expected);
});
