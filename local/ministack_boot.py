"""Starts ministack on a bare interpreter: ``python FILE SITE_PACKAGES``. Two gaps of it are closed first.

It leaves out the condition key ``s3:if-none-match``, which AWS has for every write that carries the header: a bucket
policy that demands conditional writes would refuse them all. And its API Gateway asks for its Cognito's keys over
plain HTTP, where under TLS nobody listens: every token would be refused.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
"""

from __future__ import annotations

import importlib
import site
import sys
from typing import Any


def main() -> None:
    site.addsitedir(sys.argv.pop(1))
    _name_the_condition(importlib.import_module("ministack.core.iam_actions"))
    _fetch_keys_over_tls(importlib.import_module("ministack.services.apigateway"))
    importlib.import_module("ministack.app").main()


def _name_the_condition(actions: Any) -> None:
    known = actions.s3_service_context

    def completed(action: str, query: Any, path: str, headers: Any, *more: Any) -> dict[str, Any]:
        context: dict[str, Any] = dict(known(action, query, path, headers, *more) or {})
        if value := headers.get("if-none-match"):
            context["s3:if-none-match"] = value
        return context

    actions.s3_service_context = completed


def _fetch_keys_over_tls(gateway: Any) -> None:
    known = gateway._resolve_jwks_url  # noqa: SLF001  (no public way)

    async def over_tls(authorizer: Any) -> Any:
        url = await known(authorizer)
        return url.replace("http://", "https://", 1) if isinstance(url, str) else url

    gateway._resolve_jwks_url = over_tls  # noqa: SLF001  (no public way)


if __name__ == "__main__":
    main()
