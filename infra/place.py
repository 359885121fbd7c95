"""The base of every stack: where it stands, what it is called, what protects it."""

from __future__ import annotations

import jsii
from aws_cdk import Environment, Fn, Stack, Tags
from constructs import Construct

from infra.settings import Deployment


class Place(Stack):
    """A stack named ``<prefix>-<name>``. What holds data can't be deleted as a stack where the settings protect it."""

    def __init__(
        self, scope: Construct, name: str, settings: Deployment, *, stateful: bool, account: str | None = None
    ) -> None:
        super().__init__(
            scope,
            name,
            stack_name=f"{settings.prefix}-{name}",
            description=f"phivault {settings.profile}: {name}",
            env=Environment(account=account or settings.account, region=settings.region),
            termination_protection=stateful and settings.deletion_protection,
        )
        self.settings = settings
        Tags.of(self).add("phivault:profile", settings.profile)
        if stateful:
            Tags.of(self).add("phivault:data", "protected")

    @property
    @jsii.member(jsii_name="availabilityZones")
    def availability_zones(self) -> list[str]:
        """Chosen at deployment: synthesis asks no account for them."""
        return [Fn.select(number, Fn.get_azs()) for number in range(2)]
