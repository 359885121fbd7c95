"""Verifies AWS Signature Version 4 by signing the request again with botocore."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from calendar import timegm
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.cognito.errors import CognitoError

SERVICE = "cognito-idp"
MUST_BE_SIGNED = frozenset({"host", "x-amz-date"})
SKEW_SECONDS = 300
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})", re.ASCII
)


class Signatures:
    """One access key, for requests to ``service``, which sign the headers ``also_signed`` besides the usual ones.
    ``now`` is real time by default, since clients sign with their own clock."""

    def __init__(
        self,
        access_key_id: str,
        secret_access_key: str,
        region: str,
        now: Callable[[], float] = time.time,
        *,
        service: str = SERVICE,
        also_signed: Collection[str] = ("x-amz-target",),
    ) -> None:
        self._access_key_id, self._region, self._now = access_key_id, region, now
        self._service, self._must_be_signed = service, MUST_BE_SIGNED | set(also_signed)
        self._signer = SigV4Auth(Credentials(access_key_id, secret_access_key), service, region)

    def verify(self, path: str, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Check a POST. ``headers`` in lower case, as received; ``path`` with its query string.

        Raises MissingAuthenticationTokenException, UnrecognizedClientException or InvalidSignatureException.
        """
        values = dict(headers)
        parsed = _HEADER.fullmatch(values.get("authorization", ""))
        if parsed is None:
            raise CognitoError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
        credential, names, signature = parsed[1], parsed[2].split(";"), parsed[3]
        self._check_key(credential, values)
        self._check_headers(names, headers)
        timestamp = values["x-amz-date"]
        self._check_time(timestamp)
        if credential.partition("/")[2] != f"{timestamp[:8]}/{self._region}/{self._service}/aws4_request":
            raise _invalid("Credential should be scoped to the request's date, region and service.")
        if values.get("x-amz-content-sha256", digest := hashlib.sha256(body).hexdigest()) != digest:
            raise _invalid("The body doesn't match its checksum.")
        expected = self._sign(path, {name: values[name] for name in names}, body, timestamp)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise _invalid("The request signature we calculated does not match the signature you provided.")

    def _check_key(self, credential: str, values: dict[str, str]) -> None:
        # The key is a permanent one: a session token beside it was issued by somebody else.
        if credential.partition("/")[0] != self._access_key_id or "x-amz-security-token" in values:
            message = "The security token included in the request is invalid."
            raise CognitoError("UnrecognizedClientException", message)

    def _check_headers(self, names: list[str], headers: Sequence[tuple[str, str]]) -> None:
        received = Counter(name for name, _ in headers)
        # A header sent twice could be signed with one value and read with the other.
        if self._must_be_signed - set(names) or any(received[name] != 1 for name in names):
            required = ", ".join(sorted(self._must_be_signed))
            raise _invalid(f"SignedHeaders must name each signed header once, with {required}.")

    def _check_time(self, timestamp: str) -> None:
        try:
            signed_at = timegm(time.strptime(timestamp, "%Y%m%dT%H%M%SZ"))
        except ValueError:
            raise _invalid("Date must be in ISO-8601 'basic format'.") from None
        if abs(self._now() - signed_at) > SKEW_SECONDS:
            raise _invalid("Signature expired or not yet current.")

    def _sign(self, path: str, headers: dict[str, str], body: bytes, timestamp: str) -> str:
        # A plain-http URL makes botocore hash the body instead of trusting a header.
        request = AWSRequest("POST", f"http://{headers['host']}{path}", headers=headers, data=body)
        request.context["timestamp"] = timestamp
        canonical = self._signer.canonical_request(request)
        return str(self._signer.signature(self._signer.string_to_sign(request, canonical), request))


def _invalid(message: str) -> CognitoError:
    return CognitoError("InvalidSignatureException", message)
