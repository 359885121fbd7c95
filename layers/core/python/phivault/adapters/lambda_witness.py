"""The witness, asked through Lambda: its function may live in another account."""

from __future__ import annotations

from collections.abc import Sequence

from phivault.adapters.lambda_invoke import invoke
from phivault.audit.log.note import VerifierKey
from phivault.audit.log.witnessing import Answer, encode_request
from phivault.errors import Unavailable


class LambdaWitness:
    """Fills phivault.audit.log.witnessing.Witness. Needs lambda:InvokeFunction on ``function`` (a name or ARN)."""

    def __init__(self, function: str, *, wait_seconds: float = 20.0) -> None:
        self._function, self._wait = function, wait_seconds

    def add_checkpoint(self, old: int, proof: Sequence[bytes], note: bytes) -> Answer:
        answered = invoke(self._function, {"body": encode_request(old, proof, note)}, wait_seconds=self._wait)
        match answered:
            case {"status": int(status), "body": str(body)}:
                return Answer(status, body)
        raise Unavailable("The witness didn't answer as agreed")

    def key(self) -> VerifierKey:
        """What it says that its verifier key is. Good enough to name it: auditors pin the one that they were given."""
        match invoke(self._function, {"vkey": True}, wait_seconds=self._wait):
            case {"vkey": str(vkey)}:
                return VerifierKey.parse(vkey)
        raise Unavailable("The witness didn't answer as agreed")
