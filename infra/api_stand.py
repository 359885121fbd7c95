"""The API in a stack of its own: CloudFormation takes 500 resources in one, and a route is up to four."""

from __future__ import annotations

from aws_cdk import CfnOutput
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from functions.table import TABLE
from infra.api import STAGE, Api
from infra.identity import Identity
from infra.keys import Keys
from infra.place import Place
from infra.settings import Deployment


class ApiStand(Place):
    """Deploy it after the functions: it calls them by their names, so that no export ties a function to a route."""

    def __init__(self, scope: Construct, settings: Deployment, keys: Keys, identity: Identity) -> None:
        super().__init__(scope, "api", settings, stateful=False)
        pool = cognito.UserPool.from_user_pool_arn(self, "Pool", identity.pool.attr_arn)
        aliases = {row.name: self._alias(row.name) for row in TABLE if row.routes}
        api = Api(self, settings, keys.data.key_arn, pool, aliases)
        own = f"https://{settings.domain_name}"
        CfnOutput(self, "BaseUrl", value=own if settings.domain_name else api.api.url_for_path("/"))
        CfnOutput(self, "Stage", value=STAGE)

    def _alias(self, name: str) -> lambda_.IFunction:
        arn = self.settings.function_arn(name)
        return lambda_.Function.from_function_attributes(
            self, f"Called-{name}", function_arn=arn, same_environment=True
        )
