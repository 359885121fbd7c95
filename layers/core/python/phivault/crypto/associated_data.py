"""Associated data: what a seal is bound to, as bytes that only one context and header can give."""

from __future__ import annotations

import struct
from hashlib import sha256

from phivault.crypto.element import SealContext
from phivault.errors import InvalidInput

_LENGTHS_AND_VERSION = struct.Struct(">4HQ")


def associated_data(context: SealContext, header: bytes) -> bytes:
    """The lengths of tenant, subject, type and id (2 bytes each) and the version (8 bytes), big-endian; then those
    four as ASCII and the SHA-256 of the header (32 bytes).

    The lengths stand first, so no two contexts have the same bytes: with a separator, ``a|`` + ``b`` would pass for
    ``a`` + ``|b``. InvalidInput where a field can't be written so.
    """
    tenant, subject, kind, ident = context.tenant, context.subject, context.type, context.id
    try:
        prefix = _LENGTHS_AND_VERSION.pack(len(tenant), len(subject), len(kind), len(ident), context.version)
        return prefix + f"{tenant}{subject}{kind}{ident}".encode("ascii") + sha256(header).digest()
    except (struct.error, UnicodeEncodeError):
        # The cause would carry the field's value.
        raise InvalidInput("A resource's ids or version can't be sealed") from None
