"""Starts ministack on a bare interpreter: ``python FILE SITE_PACKAGES``. Four gaps of it are closed first.

It leaves out the condition key ``s3:if-none-match``, which AWS has for every write that carries the header: a bucket
policy that demands conditional writes would refuse them all. And its API Gateway asks for its Cognito's keys over
plain HTTP, where under TLS nobody listens: every token would be refused. And it authorizes SES's SendEmail on every
resource at once, where AWS does on the identity that sends: a grant of one identity would never be enough.
And its Cognito names users in challenges as they named themselves, where Cognito says their sub.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html
"""

from __future__ import annotations

import importlib
import json
import site
import sys
from typing import Any


def main() -> None:
    site.addsitedir(sys.argv.pop(1))
    _name_the_condition(importlib.import_module("ministack.core.iam_actions"))
    _name_the_sender(importlib.import_module("ministack.core.iam_actions"))
    _fetch_keys_over_tls(importlib.import_module("ministack.services.apigateway"))
    _name_users_by_sub(importlib.import_module("ministack.services.cognito"))
    importlib.import_module("ministack.app").main()


def _name_the_condition(actions: Any) -> None:
    known = actions.s3_service_context

    def completed(action: str, query: Any, path: str, headers: Any, *more: Any) -> dict[str, Any]:
        context: dict[str, Any] = dict(known(action, query, path, headers, *more) or {})
        if value := headers.get("if-none-match"):
            context["s3:if-none-match"] = value
        return context

    actions.s3_service_context = completed


def _name_the_sender(actions: Any) -> None:
    known = actions._ses_v2_resource_arn  # noqa: SLF001  (no public way)

    def completed(method: str, path: str, body: bytes, region: str, account: str) -> str:
        if (method, path.rstrip("/")) == ("POST", "/v2/email/outbound-emails"):
            _, _, domain = str(json.loads(body)["FromEmailAddress"]).rpartition("@")
            return f"arn:aws:ses:{region}:{account}:identity/{domain}"
        return str(known(method, path, body, region, account))

    actions._ses_v2_resource_arn = completed  # noqa: SLF001  (no public way)


def _fetch_keys_over_tls(gateway: Any) -> None:
    known = gateway._resolve_jwks_url  # noqa: SLF001  (no public way)

    async def over_tls(authorizer: Any) -> Any:
        url = await known(authorizer)
        return url.replace("http://", "https://", 1) if isinstance(url, str) else url

    gateway._resolve_jwks_url = over_tls  # noqa: SLF001  (no public way)


def _name_users_by_sub(cognito: Any) -> None:
    known = cognito._mfa_challenge_for_user  # noqa: SLF001  (no public way)

    def by_sub(pool: Any, user: Any, pool_id: str, _: str) -> Any:
        return known(pool, user, pool_id, user["Username"])

    cognito._mfa_challenge_for_user = by_sub  # noqa: SLF001  (no public way)


if __name__ == "__main__":
    main()
