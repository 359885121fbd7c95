"""The network of the functions that reach PostgreSQL: no way in, no way out but to AWS services they need."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.acknowledge import wildcards
from infra.logs import arn_of, log_group
from infra.place import Place
from infra.roles import managed_policy, role_for
from infra.settings import Deployment

POSTGRES = 5432
HTTPS = 443
FUNCTIONS, DATABASE = "functions", "database"
INTERFACES = {
    "Kms": ec2.InterfaceVpcEndpointAwsService.KMS,
    "SecretsManager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
}
"""KMS for every cold subject, Secrets Manager for preparing the database. Lambda brings logs, traces and credentials
itself, and IAM tokens for the database are made without a call, so neither STS nor RDS has an endpoint."""
_RESPONSES = "arn:aws:s3:::cloudformation-custom-resource-response-*/*"


class Network(Place):
    """Isolated subnets for functions and database in two zones; no NAT, no internet gateway."""

    def __init__(self, scope: Construct, settings: Deployment, data_key: kms.IKey) -> None:
        super().__init__(scope, "network", settings, stateful=True)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.40.0.0/20"),
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=True,
            subnet_configuration=[
                ec2.SubnetConfiguration(name=name, subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
                for name in (FUNCTIONS, DATABASE)
            ],
        )
        self.functions = self._group("FunctionsGroup", "Functions that reach PostgreSQL")
        self.database = self._group("DatabaseGroup", "The database")
        self._rules()
        self._endpoints()
        self._flow_logs(data_key)

    def _group(self, id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, id, vpc=self.vpc, description=description, allow_all_outbound=False, disable_inline_rules=True
        )

    def _rules(self) -> None:
        self.database.add_ingress_rule(self.functions, ec2.Port.tcp(POSTGRES), "PostgreSQL from the functions")
        self.functions.add_egress_rule(self.database, ec2.Port.tcp(POSTGRES), "PostgreSQL")
        # The gateway endpoints' addresses have no name at synthesis. Where packets may go is the route tables' to say,
        # which know nothing but this network and the two endpoints.
        self.functions.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(HTTPS), "AWS services by endpoints")

    def _endpoints(self) -> None:
        group = self._group("EndpointsGroup", "Interface endpoints")
        group.add_ingress_rule(self.functions, ec2.Port.tcp(HTTPS), "HTTPS from the functions")
        subnets = self.vpc.select_subnets(subnet_group_name=FUNCTIONS).subnets
        for name, service in INTERFACES.items():
            endpoint = ec2.InterfaceVpcEndpoint(
                self,
                name,
                vpc=self.vpc,
                service=service,
                open=False,
                private_dns_enabled=True,
                security_groups=[group],
                subnets=ec2.SubnetSelection(subnets=subnets[: self.settings.endpoint_zones]),
            )
            endpoint.add_to_policy(self._own_principals())
        everywhere = [ec2.SubnetSelection(subnet_group_name=FUNCTIONS)]
        dynamodb = self.vpc.add_gateway_endpoint(
            "DynamoDb", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB, subnets=everywhere
        )
        dynamodb.add_to_policy(self._own_principals())
        s3 = self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3, subnets=everywhere)
        s3.add_to_policy(self._own_principals())
        s3.add_to_policy(
            # CloudFormation's presigned URL, by which the migration says that it is done.
            iam.PolicyStatement(principals=[iam.AnyPrincipal()], actions=["s3:PutObject"], resources=[_RESPONSES])
        )

    def _own_principals(self) -> iam.PolicyStatement:
        """Nobody else's credentials, nobody else's resources: what is stolen inside can't be carried out this way."""
        return iam.PolicyStatement(
            principals=[iam.AnyPrincipal()],
            actions=["*"],
            resources=["*"],
            conditions={
                "StringEquals": {"aws:PrincipalAccount": self.account, "aws:ResourceAccount": self.account},
            },
        )

    def _flow_logs(self, data_key: kms.IKey) -> None:
        group = log_group(self, "FlowLogGroup", f"/{self.settings.prefix}/network", self.settings, data_key.key_arn)
        role = role_for(self, "FlowLogRole", "vpc-flow-logs.amazonaws.com")
        writes = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
        policy = managed_policy(
            self, "FlowLogPolicy", role, [{"Action": writes, "Resource": f"{arn_of(self, group)}:*"}]
        )
        wildcards(policy, "Log streams of this one group", f"{arn_of(self, group)}:*")
        ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=self.vpc.vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_group_name=group.log_group_name,
            deliver_logs_permission_arn=role.role_arn,
        ).node.add_dependency(policy)
