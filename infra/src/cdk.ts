/**
 * The only import of the CDK: all other code in infra/ imports it from here. So moving to its community continuation
 * (`cdktn`, with the same classes) needs an edit of this file only. test/parity-cdktn.test.ts shows that both
 * synthesize the same output.
 */
export {
  App,
  Fn,
  HttpBackend,
  LocalBackend,
  S3Backend,
  TerraformOutput,
  TerraformProvider,
  TerraformResource,
} from 'cdktf';
export { TerraformStack, Testing, dependable } from 'cdktf';
export { DataResource } from 'cdktf/lib/terraform-data-resource.js';
export { Construct } from 'constructs';
