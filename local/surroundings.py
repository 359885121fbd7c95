"""What of the caller's environment could turn the local stack away from itself: an AWS profile, proxies, a database."""

from __future__ import annotations

import os

ALONE = {
    # Without these an SDK reads ~/.aws, which may name an account, an endpoint or a profile.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    # macOS has proxies in its settings as well; everything we ask is on this machine.
    "NO_PROXY": "*",
}


def forget() -> None:
    """Drop them from this process's environment, and so from its children's."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "PG")) or name.upper().endswith("_PROXY"):
            del os.environ[name]
    os.environ.update(ALONE)
