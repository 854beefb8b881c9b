"""Second factors, as they come in and go out."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from auth.codes import LONGEST_CODE
from auth.schemas import In, Out, Password
from chassis.strings import Text

Code = Annotated[
    str,
    Text(1, LONGEST_CODE),
    Field(
        description="Six digits of the app, or a recovery code. Spaces, dashes and case do not count. Each works once.",
        examples=["492039"],
    ),
]


class EnrolmentIn(In):
    current_password: Password


class ConfirmationIn(In):
    code: Annotated[str, Text(1, LONGEST_CODE), Field(description="Six digits of the app.", examples=["492039"])]


class ProofIn(In):
    current_password: Password
    code: Code


class SecondFactorIn(In):
    challenge: Annotated[
        str,
        Text(1, 100),
        Field(description="What the first step was answered with.", examples=["0pD3x2kZb1cYh7vVJk3cD1m8rj0nTq6wYx5oBfGiUsE"]),
    ]
    code: Code


class TwoFactorOut(Out):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"enabled": True, "since": "2026-11-23T09:00:00.123456Z", "recovery_codes_left": 9}]}
    )

    enabled: bool
    since: datetime | None = Field(description="Null while it is off.")
    recovery_codes_left: int = Field(description="How many were not used yet.")


class EnrolmentOut(Out):
    secret: str = Field(description="For typing it into an app. Shown here once.", examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    uri: str = Field(
        description="The same for a QR code.",
        examples=[
            "otpauth://totp/Support%20Ticket%20Express:anna%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Support%20Ticket%20Express"
        ],
    )
    expires_at: datetime = Field(description="Until when it can be confirmed.")


class RecoveryCodesOut(Out):
    recovery_codes: list[str] = Field(
        description="Shown here once and kept nowhere. Each signs in once, in the place of the app.",
        examples=[["7k3m-x9qd-2hpt-w5sa-j8vr-c4ng"]],
    )
