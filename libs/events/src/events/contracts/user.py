"""What happens to people, their sessions and their API tokens. Owned by auth; subjects `user/<id>` and `login/<HMAC of an e-mail>`."""

from typing import Any

from events.catalogue import event, personal

Change = dict[str, Any]
ERASED = "user.erased"
"""After it nothing personal of its subject is kept anywhere."""


@event("user.registered", action="user_registered")
class UserRegistered:
    role: str
    can_sign_in: bool
    name: str | None = personal()
    email: str | None = personal()


@event("user.logged_in", action="user_logged_in")
class UserLoggedIn:
    session: str
    address: str | None = personal()
    agent: str | None = personal()


@event("user.logged_out", action="user_logged_out")
class UserLoggedOut:
    session: str
    address: str | None = personal()
    agent: str | None = personal()


@event("user.session_ended", action="user_session_ended")
class UserSessionEnded:
    session: str
    address: str | None = personal()
    agent: str | None = personal()


@event("user.login_failed", action="user_login_failed")
class UserLoginFailed:
    """`reason` is a code: `unknown-email`, `wrong-password`, `inactive`, `cannot-sign-in` or `wrong-code`."""

    reason: str
    address: str | None = personal()


@event("user.password_changed", action="user_password_changed")
class UserPasswordChanged:
    pass


@event("user.two_factor_enabled", action="user_two_factor_enabled")
class UserTwoFactorEnabled:
    pass


@event("user.two_factor_disabled", action="user_two_factor_disabled")
class UserTwoFactorDisabled:
    """The actor says who did it: the person, an admin, or the operator."""


@event("user.recovery_code_used", action="user_recovery_code_used")
class UserRecoveryCodeUsed:
    """`left` is how many are left."""

    left: int


@event("user.recovery_codes_renewed", action="user_recovery_codes_renewed")
class UserRecoveryCodesRenewed:
    pass


@event("user.role_changed", action="user_role_changed")
class UserRoleChanged:
    """`before` and `after` are {"role": …}."""

    before: Change
    after: Change


@event("user.deactivated", action="user_deactivated")
class UserDeactivated:
    """`before` and `after` are {"active": …}."""

    before: Change
    after: Change


@event("user.reactivated", action="user_reactivated")
class UserReactivated:
    """`before` and `after` are {"active": …}."""

    before: Change
    after: Change


@event(ERASED, action="user_erased")
class UserErased:
    pass


@event("token.created", action="token_created")
class TokenCreated:
    token: str
    expires_at: str
    scopes: list[str]
    name: str | None = personal()


@event("token.revoked", action="token_revoked")
class TokenRevoked:
    token: str
    expires_at: str
    name: str | None = personal()
