/**
 * The one import of the CDK: everything else in infra/ takes it from here, so that moving to its community continuation
 * (`cdktn`, the same classes) is an edit of this file (test/parity-cdktn.test.ts shows that it synthesizes the same).
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
