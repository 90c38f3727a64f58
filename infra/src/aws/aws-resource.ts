/**
 * Resources of the AWS provider, with the names and attributes of its documentation. The generated binding is ten times
 * as large as the rest of infra/. So we write the few types that we use by hand, and a test checks them against the
 * provider's shapes (test/aws-shapes.json).
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
    // Default tags apply to every resource that supports tags, so none is forgotten.
    this.#attributes = { region, allowed_account_ids: [accountId], default_tags: [{ tags }] };
  }

  protected override synthesizeAttributes() {
    return { ...this.#attributes };
  }
}

export interface AwsResourceOptions {
  readonly dependsOn?: readonly TerraformResource[];
  /** Terraform refuses to destroy the resource. Set it for resources that hold data. Default: false. */
  readonly preventDestroy?: boolean;
  /** Attributes that another system changes, such as an autoscaler. Default: none. */
  readonly ignoreChanges?: readonly string[];
}

function splitAddress(address: string): readonly [string, string] {
  const at = address.indexOf('.');
  return [address.slice(0, at), address.slice(at + 1)];
}

/** A resource. `address` is its type and name as terraform writes them: `aws_vpc.main`. */
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

  /** A reference to an attribute that AWS sets when the resource is created. */
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
