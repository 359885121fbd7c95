"""What KMS says of the keys that wrap subject keys. KMS action: DescribeKey."""

from __future__ import annotations

from phivault.adapters.aws import client, translated


class KmsKeys:
    """Fills phivault.rotation.service.KeyService."""

    def state(self, key: str) -> str:
        with translated("KMS"):
            return str(client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"])
