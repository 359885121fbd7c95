"""Request models of API Gateway: what routes other than FHIR take, from the pydantic models that the handlers read.

A malformed body ends at the gateway. FHIR bodies have no model here: their rules need a validator.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from phivault.identity import inputs
from phivault.identity.change_rules import AllowListChange, SettingsChange
from phivault.identity.confirm_sign_up import ConfirmSignUp
from phivault.identity.finish_totp import FinishTotp
from phivault.identity.forgot_password import ForgotPassword
from phivault.identity.prefer_factor import PreferFactor
from phivault.identity.recover import Recover
from phivault.identity.resend_code import ResendCode
from phivault.identity.reset_password import ResetPassword
from phivault.identity.sign_up import SignUp
from phivault.identity.users.inputs import ChangeRole, InviteUser
from phivault.permissions.break_glass.open_glass import OpenGlass
from phivault.permissions.break_glass.review_glass import ReviewGlass
from phivault.permissions.care_team_join import CareTeamMember
from phivault.permissions.explain import Explain
from phivault.permissions.grants.terms import ApproveGrant, ChangeGrant, ProposeGrant, RollBackGrant
from phivault.permissions.policies.propose import ProposePolicies
from phivault.permissions.policies.rollback import RollBack
from phivault.permissions.restriction_set import Restrict

MODELS: Final[dict[tuple[str, str], type[BaseModel]]] = {
    ("POST", "/v1/auth/sign-in"): inputs.SignIn,
    ("POST", "/v1/auth/challenge"): inputs.Challenge,
    ("POST", "/v1/auth/mfa/totp"): inputs.MfaTotp,
    ("POST", "/v1/auth/refresh"): inputs.Refresh,
    ("POST", "/v1/auth/sign-up"): SignUp,
    ("POST", "/v1/auth/confirm-sign-up"): ConfirmSignUp,
    ("POST", "/v1/auth/resend-code"): ResendCode,
    ("POST", "/v1/auth/mfa/recover"): Recover,
    ("POST", "/v1/auth/password/forgot"): ForgotPassword,
    ("POST", "/v1/auth/password/reset"): ResetPassword,
    ("PUT", "/v1/me/mfa"): PreferFactor,
    ("POST", "/v1/me/mfa/totp"): inputs.Refresh,
    ("PUT", "/v1/me/mfa/totp"): FinishTotp,
    ("POST", "/v1/admin/users"): InviteUser,
    ("PUT", "/v1/admin/users/{id}/role"): ChangeRole,
    ("PUT", "/v1/admin/settings"): SettingsChange,
    ("PUT", "/v1/admin/ip-allow-list"): AllowListChange,
    ("POST", "/v1/admin/policies/explain"): Explain,
    ("POST", "/v1/admin/policies"): ProposePolicies,
    ("POST", "/v1/admin/policies/rollback"): RollBack,
    ("POST", "/v1/admin/grants"): ProposeGrant,
    ("PUT", "/v1/admin/grants/{id}"): ChangeGrant,
    ("POST", "/v1/admin/grants/{id}/approve"): ApproveGrant,
    ("POST", "/v1/admin/grants/{id}/rollback"): RollBackGrant,
    ("PUT", "/v1/patients/{id}/care-team/{user}"): CareTeamMember,
    ("PUT", "/v1/patients/{id}/restriction"): Restrict,
    ("POST", "/v1/break-glass"): OpenGlass,
    ("POST", "/v1/break-glass/{id}/review"): ReviewGlass,
}
"""Sign-out may come without a body, which a model would refuse."""
_DRAFT = "http://json-schema.org/draft-04/schema#"
_KEPT = frozenset({"type", "properties", "required", "additionalProperties", "minLength", "maxLength", "enum", "anyOf"})


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema of draft 4, all that API Gateway understands. Patterns stay with the handler: engines differ."""
    whole = model.model_json_schema()
    reduced = _reduced(whole, whole.get("$defs", {}))
    return {"$schema": _DRAFT, "title": model.__name__, **reduced}


def _reduced(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]]
    kept = {name: value for name, value in node.items() if name in _KEPT}
    if "properties" in kept:
        kept["properties"] = {name: _reduced(inner, definitions) for name, inner in kept["properties"].items()}
    if isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = _reduced(kept["additionalProperties"], definitions)
    if "anyOf" in kept:
        kept["anyOf"] = [_reduced(inner, definitions) for inner in kept["anyOf"]]
    return kept
