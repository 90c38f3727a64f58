/**
 * A network in three zones: private subnets for machines and pods, public subnets only for load balancers and NAT
 * gateways. With `kind: existing`, subnets that were created elsewhere are used.
 */
import type { TerraformStack } from '../cdk.ts';
import type { AwsConfig } from '../config/aws.ts';
import { AwsResource } from './aws-resource.ts';

/** Returns the ids of the private subnets, one per zone. */
export function addNetwork(stack: TerraformStack, name: string, { network, region }: AwsConfig): readonly string[] {
  switch (network.kind) {
    case 'existing':
      return network.subnetIds;
    case 'new':
      return addNewNetwork(stack, name, { ...network, region });
  }
}

interface NewNetwork {
  readonly cidr: string;
  readonly zones: readonly string[];
  readonly natGateways: 'each-zone' | 'one';
  readonly region: string;
}

function addNewNetwork(stack: TerraformStack, name: string, network: NewNetwork): readonly string[] {
  const vpc = new AwsResource(stack, 'aws_vpc.vpc', {
    cidr_block: network.cidr,
    enable_dns_support: true,
    enable_dns_hostnames: true,
    tags: { Name: name },
  });
  const internet = new AwsResource(stack, 'aws_internet_gateway.internet', { vpc_id: vpc.id, tags: { Name: name } });
  const outside = new AwsResource(stack, 'aws_route_table.public', {
    vpc_id: vpc.id,
    tags: { Name: `${name}-public` },
  });
  new AwsResource(stack, 'aws_route.public-internet', {
    route_table_id: outside.id,
    destination_cidr_block: '0.0.0.0/0',
    gateway_id: internet.id,
  });
  const gateways = network.zones.map((zone, at) =>
    addPublicSubnet(stack, { name, network, vpc, outside, internet, zone, at }),
  );
  const zones = network.zones.map((zone, at) => {
    const gateway = gateways[at] ?? gateways.find((one) => one !== undefined);
    return addPrivateSubnet(stack, { name, network, vpc, gateway, zone, at });
  });
  // Traffic to S3 (images, backups) does not pass the NAT gateways, which charge by volume.
  new AwsResource(stack, 'aws_vpc_endpoint.s3', {
    vpc_id: vpc.id,
    service_name: `com.amazonaws.${network.region}.s3`,
    vpc_endpoint_type: 'Gateway',
    route_table_ids: zones.map(({ table }) => table.id),
    tags: { Name: `${name}-s3` },
  });
  return zones.map(({ subnet }) => subnet.id);
}

interface ZoneParts {
  readonly name: string;
  readonly network: NewNetwork;
  readonly vpc: AwsResource;
  readonly zone: string;
  /** Index of the zone. */
  readonly at: number;
}

/** The first two numbers of the CIDR block. */
function prefixOf(cidr: string): string {
  return cidr.split('.').slice(0, 2).join('.');
}

/** Returns the zone's NAT gateway, or undefined if the zone has none. */
function addPublicSubnet(
  stack: TerraformStack,
  {
    name,
    network,
    vpc,
    outside,
    internet,
    zone,
    at,
  }: ZoneParts & { readonly outside: AwsResource; readonly internet: AwsResource },
): AwsResource | undefined {
  const subnet = new AwsResource(stack, `aws_subnet.public-${zone}`, {
    vpc_id: vpc.id,
    availability_zone: zone,
    cidr_block: `${prefixOf(network.cidr)}.${240 + at}.0/24`,
    map_public_ip_on_launch: false,
    tags: { Name: `${name}-public-${zone}`, 'kubernetes.io/role/elb': '1' },
  });
  new AwsResource(stack, `aws_route_table_association.public-${zone}-routes`, {
    subnet_id: subnet.id,
    route_table_id: outside.id,
  });
  if (network.natGateways === 'one' && at > 0) return undefined;
  const tags = { Name: `${name}-${zone}` };
  const address = new AwsResource(
    stack,
    `aws_eip.nat-${zone}-address`,
    { domain: 'vpc', tags },
    { dependsOn: [internet] },
  );
  const nat = { subnet_id: subnet.id, allocation_id: address.id, connectivity_type: 'public', tags };
  return new AwsResource(stack, `aws_nat_gateway.nat-${zone}`, nat, { dependsOn: [internet] });
}

function addPrivateSubnet(
  stack: TerraformStack,
  { name, network, vpc, gateway, zone, at }: ZoneParts & { readonly gateway: AwsResource | undefined },
): { readonly subnet: AwsResource; readonly table: AwsResource } {
  const tags = { Name: `${name}-private-${zone}` };
  const subnet = new AwsResource(stack, `aws_subnet.private-${zone}`, {
    vpc_id: vpc.id,
    availability_zone: zone,
    cidr_block: `${prefixOf(network.cidr)}.${16 * at}.0/20`,
    map_public_ip_on_launch: false,
    tags: { ...tags, 'kubernetes.io/role/internal-elb': '1' },
  });
  const table = new AwsResource(stack, `aws_route_table.private-${zone}-table`, { vpc_id: vpc.id, tags });
  new AwsResource(stack, `aws_route_table_association.private-${zone}-routes`, {
    subnet_id: subnet.id,
    route_table_id: table.id,
  });
  if (gateway !== undefined) {
    new AwsResource(stack, `aws_route.private-${zone}-out`, {
      route_table_id: table.id,
      destination_cidr_block: '0.0.0.0/0',
      nat_gateway_id: gateway.id,
    });
  }
  return { subnet, table };
}
