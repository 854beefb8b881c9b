"""An authenticator app."""

import base64
import hashlib
import hmac
from datetime import datetime


def code_at(secret: str, at: datetime) -> str:
    """Return the code that an app shows at that time for a secret in base32: RFC 4226, section 5.3, over the steps of RFC 6238.

    The services take theirs from a library; this is another implementation.
    """
    counter = int(at.timestamp()) // 30
    digest = hmac.digest(base64.b32decode(secret), counter.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"
