"""Starts ministack on a bare interpreter: ``python FILE SITE_PACKAGES``.

It fills in the condition key ``s3:if-none-match``, which AWS has for every write that carries the header and ministack
leaves out: a bucket policy that demands conditional writes would refuse them all.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
"""

from __future__ import annotations

import importlib
import site
import sys
from typing import Any


def main() -> None:
    site.addsitedir(sys.argv.pop(1))
    _complete(importlib.import_module("ministack.core.iam_actions"))
    importlib.import_module("ministack.app").main()


def _complete(actions: Any) -> None:
    known = actions.s3_service_context

    def completed(action: str, query: Any, path: str, headers: Any, *more: Any) -> dict[str, Any]:
        context: dict[str, Any] = dict(known(action, query, path, headers, *more) or {})
        if value := headers.get("if-none-match"):
            context["s3:if-none-match"] = value
        return context

    actions.s3_service_context = completed


if __name__ == "__main__":
    main()
