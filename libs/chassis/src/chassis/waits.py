"""How long somebody has to wait, as a sentence."""

_LONGEST_IN_SECONDS = 90
_LONGEST_IN_MINUTES = 90


def again_in(seconds: int) -> str:
    """Return when to try again, in whole units and never too early: "Try again in 45 seconds.", "… in 10 minutes.", "… in 2 hours."."""
    if seconds <= _LONGEST_IN_SECONDS:
        return _sentence(max(1, seconds), "second")
    minutes = -(-seconds // 60)
    return _sentence(minutes, "minute") if minutes <= _LONGEST_IN_MINUTES else _sentence(-(-minutes // 60), "hour")


def _sentence(count: int, unit: str) -> str:
    return f"Try again in {count} {unit}{'' if count == 1 else 's'}."
