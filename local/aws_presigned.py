"""URLs that carry their own signature, as S3 reads them: whose they are, what they allow, and until when.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import hmac
import time
from calendar import timegm
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

LONGEST: Final = 604_800
SKEW_SECONDS: Final = 900
_SIGNATURE: Final = "X-Amz-Signature"


class Presigned:
    """The URLs of one access key. ``now`` is Unix seconds."""

    def __init__(
        self, access_key_id: str, secret_access_key: str, region: str, now: Callable[[], float] = time.time
    ) -> None:
        self._key, self._region, self._now = access_key_id, region, now
        self._signer = S3SigV4QueryAuth(Credentials(access_key_id, secret_access_key), "s3", region)

    def allows(self, environ: Mapping[str, Any]) -> bool:
        """Whether a request without an Authorization header bears a signature of its method and whole URL, and in
        time."""
        query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        date, signature = query.get("X-Amz-Date", ""), query.get(_SIGNATURE, "")
        scope = f"{self._key}/{date[:8]}/{self._region}/s3/aws4_request"
        if query.get("X-Amz-Credential") != scope or query.get("X-Amz-SignedHeaders") != "host":
            return False
        if not self._in_time(date, query.get("X-Amz-Expires", "")):
            return False
        return hmac.compare_digest(self._sign(environ, date).encode(), signature.encode())

    def _in_time(self, date: str, expires: str) -> bool:
        try:
            begins, lasts = timegm(time.strptime(date, "%Y%m%dT%H%M%SZ")), int(expires)
        except ValueError:
            return False
        return 0 < lasts <= LONGEST and begins - SKEW_SECONDS <= self._now() <= begins + lasts

    def _sign(self, environ: Mapping[str, Any], date: str) -> str:
        path, _, query = str(environ["RAW_URI"]).partition("?")
        rest = "&".join(part for part in query.split("&") if not part.startswith(f"{_SIGNATURE}="))
        host = str(environ.get("HTTP_HOST", ""))
        request = AWSRequest(environ["REQUEST_METHOD"], f"http://{host}{path}?{rest}", headers={"host": host})
        request.context["timestamp"] = date
        canonical = self._signer.canonical_request(request)
        return str(self._signer.signature(self._signer.string_to_sign(request, canonical), request))
