"""Answering CloudFormation, which waits for a custom resource's outcome at a presigned URL of S3.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import logging
import os
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Final

from phivault.errors import PhivaultError

log = logging.getLogger(__name__)
_SECONDS = 10.0
_REASON: Final = "{kind}; the log of this function tells more"


def answer(event: Mapping[str, Any], physical_id: str, work: Callable[[], Mapping[str, str]]) -> None:
    """Do ``work`` and send its attributes, or that it failed: an unanswered request holds the deployment for hours.

    ``physical_id`` stays the same for ever, so that no update turns into a deletion of what was there before.
    """
    try:
        outcome: dict[str, Any] = {"Status": "SUCCESS", "Data": dict(work())}
    except Exception as error:  # whatever it is, CloudFormation must hear of it
        log.exception("The custom resource failed")
        outcome = {"Status": "FAILED", "Reason": _reason(error)}
    echoed = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    _send(event["ResponseURL"], {**echoed, "PhysicalResourceId": physical_id, "NoEcho": True, **outcome})


def _reason(error: Exception) -> str:
    # Stack events are read by more people than logs are, and a driver's text may quote a value.
    return error.detail if isinstance(error, PhivaultError) else _REASON.format(kind=type(error).__name__)


def _send(url: str, document: Mapping[str, Any]) -> None:
    if not url.startswith("https://") and "AWS_ENDPOINT_URL" not in os.environ:  # an emulator's
        raise ValueError("CloudFormation's answer goes over https alone")
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    request = urllib.request.Request(  # noqa: S310  (the scheme is checked above)
        url, json.dumps(document).encode(), {"Content-Type": ""}, method="PUT"
    )
    # This request is the one whose scheme was checked above.
    with urllib.request.urlopen(request, timeout=_SECONDS, context=context):  # noqa: S310  # nosec B310
        pass
