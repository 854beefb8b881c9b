"""Codes by which people prove who they are a second time: those of an authenticator app, and those on paper.

TOTP is RFC 6238 with what every app can do: HMAC-SHA-1, steps of 30 s, 6 digits. Recovery codes have 120 random bits, so that a hash
without salt or cost is enough for them (ASVS 5.0.0, 6.5.2: 112 bits). Their alphabet is that of Douglas Crockford's "Base 32", in which no
two characters are taken for each other.
"""

import base64
import re
import unicodedata
from collections.abc import Callable
from datetime import datetime

from pyotp import TOTP
from pyotp.exceptions import OTPVerificationError

ISSUER = "Support Ticket Express"
SKEW = 1
"""Steps by which the clock of somebody's telephone may be wrong, either way."""
LONGEST_CODE = 64
"""Code points, as typed."""
_SECRET_BYTES = 20
"""As long as the output of the hash, which RFC 4226, section 4, recommends."""
_RECOVERY_BYTES = 15
_GROUP = 4
_CROCKFORD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghjkmnpqrstvwxyz")
_MISREAD = str.maketrans("ilo", "110")
_TOTP = re.compile("[0-9]{6}")
_BETWEEN = re.compile(r"[\s-]+")

RandomBytes = Callable[[int], bytes]


def new_secret(random_bytes: RandomBytes) -> str:
    """Return a new secret as apps take it: 32 letters and digits of RFC 4648's base32."""
    return base64.b32encode(random_bytes(_SECRET_BYTES)).decode()


def uri_of(secret: str, email: str) -> str:
    """Return the `otpauth://` address that a QR code shows to an app."""
    return TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def step_of(secret: str, code: str, at: datetime) -> int | None:
    """Return the time step whose code this is, of the one at that time and those `SKEW` around it; None when it is the code of none.

    The comparison takes as long for every code of six digits.
    """
    try:
        return TOTP(secret).verify_and_get_timecode(code, for_time=at, valid_window=SKEW)
    except OTPVerificationError:
        return None


def new_recovery_codes(number: int, random_bytes: RandomBytes) -> list[str]:
    """Return codes to be shown once, as "7k3m-…", six groups of four."""
    texts = [base64.b32encode(random_bytes(_RECOVERY_BYTES)).decode().translate(_CROCKFORD) for _ in range(number)]
    return ["-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP)) for text in texts]


def folded_code(typed: str) -> str:
    """Return what counts of a code as it was typed: neither case, spaces and dashes, nor letters that are taken for digits."""
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", typed)).lower().translate(_MISREAD)


def is_totp(folded: str) -> bool:
    """Whether a folded code is one of an app; anything else is taken for a recovery code."""
    return _TOTP.fullmatch(folded) is not None
