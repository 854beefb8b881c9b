"""Second factors as they are kept."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.codes import new_recovery_codes, new_secret
from auth.commands import Proof
from auth.sealing import Sealing
from auth.two_factor import TwoFactor
from tests.support.totp import code_at
from tests.unit.auth.people import NOON

PEPPER, OTHER = "ab" * 32, "cd" * 32
SECRET = new_secret(Random(1).randbytes)


def sealed(user: str = "anna", *, pepper: str = PEPPER, seed: int = 1) -> str:
    return Sealing(pepper).seal(user, SECRET, Random(seed).randbytes)


def standing(text: str, user: str = "anna") -> TwoFactor:
    return TwoFactor(user=user, sealed=text, begun_at=NOON, enabled_at=NOON, last_step=-1, codes=frozenset())


def test_a_secret_is_opened_for_its_person_with_its_pepper_and_not_otherwise() -> None:
    assert Sealing(PEPPER).open("anna", sealed()) == SECRET
    for pepper, user in ((OTHER, "anna"), (PEPPER, "ben")):
        with pytest.raises(ValueError, match="sealed for somebody else, or with another pepper"):
            Sealing(pepper).open(user, sealed())


@given(st.integers(0, 2**32), st.integers(0, 2**16))
def test_one_changed_bit_is_noticed(seed: int, at: int) -> None:
    raw = bytearray.fromhex(sealed(seed=seed))
    raw[at // 8 % len(raw)] ^= 1 << at % 8
    with pytest.raises(ValueError, match="sealed"):
        Sealing(PEPPER).open("anna", raw.hex())


def test_what_is_kept_tells_nothing_not_even_that_two_secrets_are_alike() -> None:
    assert sealed(seed=1) != sealed(seed=2)
    assert SECRET.encode().hex() not in sealed()
    (code,) = new_recovery_codes(1, Random(1).randbytes)
    digests = {Sealing(pepper).digest(user, code) for pepper in (PEPPER, OTHER) for user in ("anna", "ben")}
    assert len(digests) == 4
    assert {len(digest) for digest in digests} == {64}


def test_a_recovery_code_has_one_hash_however_it_is_typed() -> None:
    (code,) = new_recovery_codes(1, Random(1).randbytes)
    assert Sealing(PEPPER).digest("anna", code) == Sealing(PEPPER).digest("anna", code.upper().replace("-", " "))


def test_a_code_comes_to_its_step_or_to_none_and_a_recovery_code_to_its_hash() -> None:
    sealing, kept = Sealing(PEPPER), standing(sealed())
    right = code_at(SECRET, NOON)
    assert sealing.proof(kept, f" {right} ", NOON) == Proof(sealed=kept.sealed, step=int(NOON.timestamp()) // 30)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    assert sealing.proof(kept, wrong, NOON).step in (None, int(NOON.timestamp()) // 30 - 1, int(NOON.timestamp()) // 30 + 1)
    assert sealing.proof(kept, "no code at all", NOON) == Proof(recovery=sealing.digest("anna", "no code at all"))


@pytest.mark.parametrize("text", [sealed("ben"), sealed(pepper=OTHER), "", "00", "no hex"])
def test_what_cannot_be_opened_lets_no_code_pass_and_breaks_nothing(text: str) -> None:
    assert Sealing(PEPPER).proof(standing(text), code_at(SECRET, NOON), NOON) == Proof()
