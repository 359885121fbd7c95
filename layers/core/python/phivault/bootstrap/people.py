"""Who people are: sessions, accounts, factors, administration."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from phivault import bootstrap
from phivault.settings import settings

if TYPE_CHECKING:
    from phivault.adapters.dynamodb_directory import DynamoDirectory
    from phivault.adapters.dynamodb_factors import DynamoFactors
    from phivault.adapters.dynamodb_sessions import DynamoSessions
    from phivault.adapters.dynamodb_sign_ups import DynamoSignUps
    from phivault.adapters.dynamodb_tenant_rules import DynamoTenantRules
    from phivault.adapters.dynamodb_throttle import DynamoThrottle
    from phivault.adapters.messenger import AwsMessenger
    from phivault.identity.limits import Limits
    from phivault.identity.service import Identity
    from phivault.identity.session import Sessions


@cache
def _session_rows() -> DynamoSessions:
    from phivault.adapters.dynamodb_sessions import DynamoSessions

    return DynamoSessions(settings().access_state_table)


@cache
def tenant_rules() -> DynamoTenantRules:
    from phivault.adapters.dynamodb_tenant_rules import DynamoTenantRules

    return DynamoTenantRules(settings().access_state_table)


@cache
def sessions() -> Sessions:
    from phivault.identity.claims import TokenRules
    from phivault.identity.session import Sessions

    rules = TokenRules(issuer=settings().token_issuer, client_id=settings().client_id)
    return Sessions(_session_rows(), bootstrap.recorder(), bootstrap.subject_keys(), rules, tenants=tenant_rules())


@cache
def directory() -> DynamoDirectory:
    from phivault.adapters.dynamodb_directory import DynamoDirectory

    return DynamoDirectory(settings().access_state_table)


@cache
def messenger() -> AwsMessenger:
    from phivault.adapters.messenger import AwsMessenger

    return AwsMessenger(settings().email_sender, settings().sms_origination_arn)


@cache
def factor_rows() -> DynamoFactors:
    from phivault.adapters.dynamodb_factors import DynamoFactors

    return DynamoFactors(settings().access_state_table)


@cache
def _throttle_rows() -> DynamoThrottle:
    from phivault.adapters.dynamodb_throttle import DynamoThrottle

    return DynamoThrottle(settings().access_state_table)


@cache
def limits() -> Limits:
    import time

    from phivault.identity.limits import Limits

    return Limits(_throttle_rows(), bootstrap.subject_keys(), time.time)


@cache
def identity() -> Identity:
    import time

    from phivault.adapters.cognito import Cognito
    from phivault.adapters.cognito_factors import CognitoFactors
    from phivault.adapters.cognito_passwords import CognitoPasswords
    from phivault.adapters.cognito_sign_ups import CognitoSignUps
    from phivault.adapters.cognito_users import CognitoUsers
    from phivault.adapters.dynamodb_mfa_reset import DynamoMfaResets
    from phivault.adapters.dynamodb_proposals import DynamoProposals
    from phivault.identity.lockout import Lockout
    from phivault.identity.pending import PendingSignIns
    from phivault.identity.service import Identity

    return Identity(
        provider=Cognito(settings().user_pool_id, settings().client_id),
        sessions=sessions(),
        rules=tenant_rules(),
        pending=PendingSignIns(_session_rows()),
        lockout=Lockout(_throttle_rows(), limits(), bootstrap.subject_keys(), time.time),
        limits=limits(),
        recorder=bootstrap.recorder(),
        directory=directory(),
        user_admin=CognitoUsers(settings().user_pool_id),
        mfa_resets=DynamoMfaResets(settings().access_state_table),
        keys=bootstrap.subject_keys(),
        factors=factor_rows(),
        enrolments=factor_rows(),
        factor_provider=CognitoFactors(settings().user_pool_id, settings().client_id),
        messenger=messenger(),
        accounts=CognitoSignUps(settings().user_pool_id),
        sign_ups=sign_up_rows(),
        invitations=sign_up_rows(),
        proposals=DynamoProposals(settings().access_state_table),
        password_provider=CognitoPasswords(settings().user_pool_id, settings().client_id),
    )


@cache
def sign_up_rows() -> DynamoSignUps:
    from phivault.adapters.dynamodb_sign_ups import DynamoSignUps

    return DynamoSignUps(settings().access_state_table)
