"""The desk's settings, and what is wrong with them in words."""

from pydantic import ValidationError

from chassis.settings import Settings
from deploy.refusal import Exit, Refusal


def load() -> Settings:
    """Return the settings from the environment and `.env`. Raises Refusal that names each variable that cannot be meant."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [
            f"{_variable(str(item['loc'][0]))}: {item['msg'].removeprefix('Value error, ')}" for item in error.errors(include_input=False)
        ]
        raise Refusal(
            "The settings cannot be used. " + "; ".join(wrong), ".env.example says what each variable means.", Exit.WRONG
        ) from None


def _variable(field: str) -> str:
    return field if field.isupper() else f"STE_{field.upper()}"
