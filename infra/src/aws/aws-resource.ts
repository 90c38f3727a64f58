/**
 * Resources of the AWS provider, by their names and attributes as its documentation has them. The generated binding is
 * ten times as large as all else in infra/, so the few types that are used are checked against its shapes by a test
 * (test/aws-shapes.json).
 */
import { type Construct, TerraformProvider, TerraformResource } from '../cdk.ts';
import type { AwsConfig } from '../config/aws.ts';

export type Tags = Readonly<Record<string, string>>;

export class AwsProvider extends TerraformProvider {
  readonly #attributes: Readonly<Record<string, unknown>>;

  constructor(scope: Construct, id: string, { region, accountId }: AwsConfig, tags: Tags) {
    super(scope, id, {
      terraformResourceType: 'aws',
      terraformGeneratorMetadata: { providerName: 'aws', providerVersionConstraint: '~> 6.0' },
      terraformProviderSource: 'hashicorp/aws',
    });
    // Default tags reach everything that can have tags, so that no resource can be forgotten.
    this.#attributes = { region, allowed_account_ids: [accountId], default_tags: [{ tags }] };
  }

  protected override synthesizeAttributes() {
    return { ...this.#attributes };
  }
}

export interface AwsResourceOptions {
  readonly dependsOn?: readonly TerraformResource[];
  /** Terraform refuses to destroy it: for what holds data. */
  readonly preventDestroy?: boolean;
  /** Attributes that somebody else changes, such as an autoscaler. */
  readonly ignoreChanges?: readonly string[];
}

function splitAddress(address: string): readonly [string, string] {
  const at = address.indexOf('.');
  return [address.slice(0, at), address.slice(at + 1)];
}

/** `address` is its type and its name, as terraform writes it: `aws_vpc.main`. */
export class AwsResource extends TerraformResource {
  readonly #attributes: Readonly<Record<string, unknown>>;

  constructor(
    scope: Construct,
    address: `aws_${string}.${string}`,
    attributes: Readonly<Record<string, unknown>>,
    { dependsOn = [], preventDestroy = false, ignoreChanges = [] }: AwsResourceOptions = {},
  ) {
    const [type, id] = splitAddress(address);
    super(scope, id, {
      terraformResourceType: type,
      terraformGeneratorMetadata: { providerName: 'aws' },
      dependsOn: [...dependsOn],
      ...((preventDestroy || ignoreChanges.length > 0) && {
        lifecycle: {
          ...(preventDestroy && { preventDestroy }),
          ...(ignoreChanges.length > 0 && { ignoreChanges: [...ignoreChanges] }),
        },
      }),
    });
    this.#attributes = attributes;
  }

  protected override synthesizeAttributes() {
    return { ...this.#attributes };
  }

  /** What AWS says of it once it is there. */
  attribute(name: string): string {
    return this.getStringAttribute(name);
  }

  get id(): string {
    return this.attribute('id');
  }

  get arn(): string {
    return this.attribute('arn');
  }
}
