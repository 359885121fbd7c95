"""What a function's row grants, as IAM statements, and the little that Lambda itself needs. No CDK here: tests
compare these statements with the calls that functions make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from functions.row import ON_FORMER, Function, Grant

type Statement = dict[str, Any]

LOCAL_ONLY: Final = frozenset({"postgres_dsn"})
"""Settings that no function has in the cloud."""
ON_OBJECTS: Final = frozenset(
    f"s3:{name}"
    for name in (
        "GetObject",
        "GetObjectRetention",
        "PutObject",
        "PutObjectRetention",
        "PutObjectLegalHold",
        "DeleteObject",
    )
)
ON_INDEXES: Final = frozenset({"dynamodb:Query"})

LOGS: Final = ("logs:CreateLogStream", "logs:PutLogEvents")
TRACES: Final = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
INTERFACES: Final = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
DEAD_LETTERS: Final = ("sqs:SendMessage",)
STREAM: Final = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
STREAMS: Final = ("dynamodb:ListStreams",)
PLATFORM: Final = frozenset((*LOGS, *TRACES, *INTERFACES, *DEAD_LETTERS, *STREAM, *STREAMS))
"""Actions that Lambda takes with a function's role; no code of ours calls them."""
WILDCARDS: Final = {
    TRACES: "X-Ray has no resources to name",
    INTERFACES: "the interfaces don't exist before Lambda makes them, and Describe actions know no resources",
    STREAMS: "listing streams is on the account, not on a stream",
}
"""The only statements on ``*``, and why."""


@dataclass(frozen=True, slots=True)
class Resources:
    """ARNs by the setting that names the resource; for ``parts``, by setting and part. ``indexes`` are a table's.
    ``former`` are those of keys that the setting named before: what they encrypted is still opened."""

    arns: Mapping[str, str]
    parts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    indexes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    former: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Platform:
    """ARNs of what Lambda uses with the role."""

    log_group: str
    dead_letters: str
    stream: str = ""


def granted(function: Function, resources: Resources) -> Iterator[Statement]:
    """One statement for each grant of the row, and for each kind of resource in it."""
    for grant in function.grants:
        for actions, on in _split(grant, resources):
            yield {"Action": list(actions), "Resource": on[0] if len(on) == 1 else list(on)}
        opening = [action for action in grant.actions if action in ON_FORMER]
        if opening and (former := resources.former.get(grant.setting)):
            yield {"Action": opening, "Resource": list(former)}


def _split(grant: Grant, resources: Resources) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    if grant.part:
        yield grant.actions, (resources.parts[grant.setting, grant.part],)
        return
    arn = resources.arns[grant.setting]
    kinds: dict[tuple[str, ...], list[str]] = {}
    for action in grant.actions:
        kinds.setdefault(_on(action, arn, resources.indexes.get(grant.setting, ())), []).append(action)
    for on, actions in kinds.items():
        yield tuple(actions), on


def _on(action: str, arn: str, indexes: tuple[str, ...]) -> tuple[str, ...]:
    if action in ON_OBJECTS:
        return (f"{arn}/*",)
    if action in ON_INDEXES:
        return (arn, *(f"{arn}/index/{index}" for index in indexes))
    return (arn,)


def platform(function: Function, use: Platform) -> Iterator[Statement]:
    yield {"Action": list(LOGS), "Resource": f"{use.log_group}:log-stream:*"}
    yield {"Action": list(TRACES), "Resource": "*"}
    yield {"Action": list(DEAD_LETTERS), "Resource": use.dead_letters}
    if function.postgres:
        yield {"Action": list(INTERFACES), "Resource": "*"}
    if use.stream:
        yield {"Action": list(STREAM), "Resource": use.stream}
        yield {"Action": list(STREAMS), "Resource": "*"}


def environment(row: Function, values: Mapping[str, str]) -> dict[str, str]:
    """The settings that the row names, as variables. Raises KeyError where a stack didn't make one."""
    return {f"PHIVAULT_{name.upper()}": values[name] for name in row.settings if name not in LOCAL_ONLY}
