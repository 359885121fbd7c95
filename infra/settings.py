"""The settings of a deployment: CDK context (``cdk.json``, ``-c name=value``), a profile's defaults beneath it.

Whatever is missing, malformed or would weaken production is refused before anything is synthesized, each with its
reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, Self

import boto3
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from phivault.adapters.rds_token import CA_FILE

HIPAA_RETENTION_DAYS: Final = 2192
"""Six years, two of them leap years (45 CFR 164.316(b)(2)(i))."""
DATABASE_BACKUP_DAYS: Final = 35
"""The longest that Aurora and DynamoDB both recover to. A destroyed subject key is gone when the last backup is."""
_WAIVER_LETTERS = 20
ALIAS: Final = "live"
"""Of each function: what callers call, and releases move."""
_LOG_DAYS = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 3653]


class SettingsRefused(Exception):
    """What is wrong, one reason a line. Values aren't repeated, except the names of settings."""


def _parsed(value: object) -> object:
    """``-c name=value`` gives text, ``cdk.json`` JSON: lists and numbers in text are read as JSON."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("isn't JSON") from None
    return value


type Listed[T] = Annotated[tuple[T, ...], BeforeValidator(_parsed)]
type Account = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
type Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]
type KeyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Deployment(BaseModel):
    """Everything that differs between deployments. Fields without a default must be given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    profile: Literal["dev", "production"] = Field(description="Chooses the defaults below, and whether they may weaken")
    account: Account = Field(description="The AWS account, twelve digits")
    region: str = Field(description="The AWS region, such as us-east-1")
    architecture: Literal["arm64", "x86_64"] = Field("arm64", description="Of the functions and the dependency layer")

    lock_mode: Literal["COMPLIANCE", "GOVERNANCE"] = Field(
        "COMPLIANCE", description="Object Lock of the audit log. Nobody shortens COMPLIANCE, the root user included"
    )
    audit_retention_days: int = Field(
        HIPAA_RETENTION_DAYS, ge=1, le=36500, description="How long every audit record stays locked"
    )
    export_retention_days: int = Field(
        365, ge=1, le=36500, description="How long an export of the audit log stays locked; it can be made again"
    )
    auditor_account: Account | Literal[""] = Field(
        "", description="The account whose principals may take the read-only role of the auditor; empty: this one"
    )
    witness_account: Account | Literal[""] = Field(
        "", description="The account that holds the witness's key and bucket; empty: this one"
    )
    log_vkey: str = Field(
        "", description="The log's verifier key as the witness knows it; empty: the witness asks KMS for it"
    )
    witness_waiver: str = Field(
        "", description="Why the witness may stand in the account it watches; production needs a sentence"
    )

    mfa: str = Field("ON", description="ON is the only value: no tokens without a second factor")
    user_pool_tier: Literal["PLUS", "ESSENTIALS"] = Field(
        "PLUS", description="PLUS has Cognito's threat protection; ESSENTIALS costs less"
    )
    access_token_minutes: int = Field(15, ge=5, le=15, description="Life of access and id tokens")
    refresh_token_hours: int = Field(12, ge=1, le=24, description="Life of a refresh token, which is used once")

    deletion_protection: bool = Field(True, description="Of the database, the tables and the user pool")
    subject_key_arn: str = Field(
        "", description="The KMS key that wraps subject keys; empty: the one that the stack makes (docs/keys.md)"
    )
    former_subject_key_arns: Listed[str] = Field(
        (), description="KMS keys that wrapped subject keys before, as a JSON list: they unwrap until they are unused"
    )

    min_acu: float = Field(0.5, ge=0, le=128, multiple_of=0.5, description="Aurora's least capacity; 0 pauses it")
    max_acu: float = Field(8, ge=1, le=256, multiple_of=0.5, description="Aurora's largest capacity")
    database_readers: int = Field(1, ge=0, le=5, description="Instances that take over when the writer fails")
    endpoint_zones: int = Field(2, ge=1, le=2, description="Availability zones that have interface endpoints")

    reserved_concurrency: int = Field(
        40,
        ge=0,
        le=900,
        description="Executions that each of the twenty functions has to itself, and at most; 0: no reservation."
        " An account's limit is 1,000 at first, of which AWS keeps 100 unreserved",
    )
    throttle_rate: int = Field(100, ge=1, le=10000, description="Requests a second, all clients together")
    throttle_burst: int = Field(200, ge=1, le=5000, description="Requests that may exceed the rate at once")
    cors_origins: Listed[Origin] = Field((), description="Origins whose pages may call, as a JSON list")
    domain_name: str = Field("", description="The API's own domain; empty: execute-api's")
    certificate_arn: str = Field("", description="The domain's ACM certificate, in the same region")
    email_sender: str = Field(
        "", description="The address that codes and notices to users come from; empty: none are sent, nobody signs up"
    )
    email_identity_arn: str = Field(
        "", description="The verified SES identity (domain or address) of email_sender, in the same account and region"
    )
    sms_origination_arn: str = Field(
        "",
        description="The number, sender id or pool of AWS End User Messaging that texts codes to confirm a number;"
        " empty: none are sent, nobody signs up",
    )
    alert_email: str = Field("", description="Who hears of HIGH and CRITICAL events and of alarms")
    log_retention_days: _LOG_DAYS = Field(365, description="Of operational logs (the audit log has its own)")
    canary: bool = Field(True, description="Whether a release first takes a tenth of the requests for five minutes")
    tenant_context_key_ids: Listed[KeyId] = Field(
        ("k1",), min_length=1, max_length=2, description="Live keys of the tenant context; the last one signs"
    )

    @model_validator(mode="after")
    def _all_rules(self) -> Self:
        reasons = [*self._malformed(), *(self._weakened() if self.profile == "production" else ())]
        if reasons:
            raise ValueError("\n".join(reasons))
        return self

    def _malformed(self) -> Iterator[str]:
        if self.region not in boto3.session.Session().get_available_regions("cognito-idp"):
            yield "region: isn't a region of AWS that has Cognito"
        elif f"Amazon RDS {self.region} Root CA RSA2048 G1" not in CA_FILE.read_text():
            yield "region: its database's certificates can't be checked: adapters/rds_ca.pem lacks its root"
        if self.mfa != "ON":
            yield "mfa: no tokens without a second factor, in no profile"
        if self.max_acu < max(self.min_acu, 1):
            yield "max_acu: is below min_acu"
        if bool(self.domain_name) != bool(self.certificate_arn):
            yield "domain_name, certificate_arn: one needs the other"
        if self.certificate_arn and not self.certificate_arn.startswith(f"arn:aws:acm:{self.region}:{self.account}:"):
            yield "certificate_arn: isn't a certificate of this account and region"
        yield from self._senders()
        yield from self._wrapping()
        if self.alert_email and "@" not in self.alert_email:
            yield "alert_email: isn't an address"
        if len(set(self.tenant_context_key_ids)) != len(self.tenant_context_key_ids):
            yield "tenant_context_key_ids: names a key twice"

    def _wrapping(self) -> Iterator[str]:
        own = f"arn:aws:kms:{self.region}:{self.account}:key/"
        named = [arn for arn in (self.subject_key_arn, *self.former_subject_key_arns) if arn]
        if not all(arn.startswith(own) for arn in named):
            yield "subject_key_arn, former_subject_key_arns: name keys of this account and region by their ARNs"
        if len(set(named)) != len(named):
            yield "subject_key_arn, former_subject_key_arns: name a key twice"

    def _senders(self) -> Iterator[str]:
        identity = f"arn:aws:ses:{self.region}:{self.account}:identity/"
        domain = self.email_sender.rpartition("@")[2]
        if bool(self.email_sender) != bool(self.email_identity_arn):
            yield "email_sender, email_identity_arn: one needs the other"
        elif self.email_sender and (
            "@" not in self.email_sender
            or self.email_identity_arn not in (identity + domain, identity + self.email_sender)
        ):
            yield "email_identity_arn: isn't the SES identity of email_sender or its domain, of this account and region"
        if self.sms_origination_arn and not self.sms_origination_arn.startswith(
            f"arn:aws:sms-voice:{self.region}:{self.account}:"
        ):
            yield "sms_origination_arn: isn't an origination of this account and region"

    def _weakened(self) -> Iterator[str]:
        """Production's floor. An override that goes below it is refused, however it came."""
        waived = len(self.witness_waiver.strip()) >= _WAIVER_LETTERS
        plain = any(not origin.startswith("https://") for origin in self.cors_origins)
        floor = {
            "lock_mode: production locks the audit log with COMPLIANCE; GOVERNANCE can be bypassed": (
                self.lock_mode == "COMPLIANCE"
            ),
            f"audit_retention_days: HIPAA keeps documentation six years, {HIPAA_RETENTION_DAYS} days": (
                self.audit_retention_days >= HIPAA_RETENTION_DAYS
            ),
            "witness_account: a witness in the account that it watches proves little; name another, "
            "or say in witness_waiver why not": self.witness != self.account or waived,
            "deletion_protection: production's data can't be deleted by a deployment": self.deletion_protection,
            "user_pool_tier: production has threat protection, which PLUS alone offers": self.user_pool_tier == "PLUS",
            "min_acu: a database that pauses answers 503 while it wakes": self.min_acu >= 0.5,
            "database_readers: without one a failed writer means minutes without a database": self.database_readers > 0,
            "endpoint_zones: one zone's failure would end all access to keys": self.endpoint_zones > 1,
            "reserved_concurrency: one busy function could use up all": self.reserved_concurrency > 0,
            "log_retention_days: a year of operational logs is production's least": self.log_retention_days >= 365,
            "cors_origins: production talks to pages served over https alone": not plain,
            "alert_email: production's alerts reach somebody": bool(self.alert_email),
            "email_sender: production tells users of a changed password or factor": bool(self.email_sender),
        }
        yield from (reason for reason, held in floor.items() if not held)

    @property
    def witness(self) -> str:
        """The witness's account."""
        return self.witness_account or self.account

    @property
    def email_identity(self) -> str:
        """An ARN that a grant can be on; without a sender that of nothing (RFC 2606)."""
        return self.email_identity_arn or f"arn:aws:ses:{self.region}:{self.account}:identity/unset.invalid"

    @property
    def sms_origination(self) -> str:
        return self.sms_origination_arn or f"arn:aws:sms-voice:{self.region}:{self.account}:sender-id/unset/ZZ"

    @property
    def prefix(self) -> str:
        return f"phivault-{self.profile}"

    @property
    def log_origin(self) -> str:
        """The audit log's name, which stands in every checkpoint (C2SP tlog-checkpoint)."""
        return f"{self.prefix}/{self.account}/{self.region}"

    @property
    def witness_name(self) -> str:
        return f"{self.prefix}-witness/{self.witness}/{self.region}"

    @property
    def log_key_alias(self) -> str:
        return f"alias/{self.prefix}/log"

    def function_name(self, name: str) -> str:
        return f"{self.prefix}-{name.replace('_', '-')}"

    def function_arn(self, name: str, account: str = "") -> str:
        """Of the alias that callers call. Known before the function is made, so that two stacks can name each other."""
        return f"arn:aws:lambda:{self.region}:{account or self.account}:function:{self.function_name(name)}:{ALIAS}"


PROFILES: Final[dict[str, dict[str, Any]]] = {
    "production": {},
    "dev": {
        "lock_mode": "GOVERNANCE",
        "audit_retention_days": 30,
        "export_retention_days": 7,
        "user_pool_tier": "ESSENTIALS",
        "deletion_protection": False,
        "min_acu": 0.0,
        "max_acu": 2.0,
        "database_readers": 0,
        "endpoint_zones": 1,
        "reserved_concurrency": 5,
        "log_retention_days": 30,
        "canary": False,
    },
}
"""Where a profile differs from the defaults, which are production's."""


def read(context: Mapping[str, Any]) -> Deployment:
    """The settings in a CDK context. Names that hold a ``/`` or ``:`` are CDK's own. Raises SettingsRefused."""
    given = {name: value for name, value in context.items() if not {"/", ":"} & set(name) and value not in (None, "")}
    try:
        return Deployment.model_validate(PROFILES.get(str(given.get("profile")), {}) | given)
    except ValidationError as error:
        raise SettingsRefused("\n".join(_reasons(error))) from None


def _reasons(error: ValidationError) -> Iterator[str]:
    for one in error.errors(include_input=False, include_url=False):
        where = ".".join(map(str, one["loc"]))
        match one["type"]:
            case "missing":
                yield f"{where}: is missing; add it to cdk.json or pass -c {where}=..."
            case "extra_forbidden":
                yield f"{where}: is no setting; docs/configuration.md lists them"
            case "value_error" if not where:
                yield str(one["ctx"]["error"])
            case _:
                yield f"{where}: {one['msg']}"
