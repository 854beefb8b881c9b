"""A witness's word: in the published form, and nobody else's."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.checkpoints import Signer, verify_note
from events.cosignatures import Cosigner, verify_cosignature
from events.notes import COSIGNATURE, Key, open_note

# The example in c2sp.org/tlog-cosignature, whose signed message begins with the line `time 1679315147`.
C2SP_NOTE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
BODY = "ste/tickets/0193c4f0-0000-7000-8000-000000000001\n21\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
SEED = bytes(range(32))
WITNESS = Cosigner(SEED, "ste-escalator")
LINE = WITNESS.cosign(BODY, 1_795_000_000)


def test_the_published_cosignature_has_our_form() -> None:
    body, (_, cosignature) = open_note(C2SP_NOTE)
    assert body.startswith("example.com/behind-the-sofa\n")
    assert cosignature.name == "witness.example.com/w1"
    assert int.from_bytes(cosignature.raw[:8], "big") == 1679315147
    assert len(cosignature.raw) == 8 + 64


def test_a_cosignature_says_who_and_when() -> None:
    cosignature = verify_cosignature(BODY, LINE, WITNESS.public_key)
    assert (cosignature.witness, cosignature.time) == ("ste-escalator", 1_795_000_000)


def test_a_cosigned_note_is_still_the_logs_own() -> None:
    log = Signer(b"\x01" * 32, "ste-tickets")
    assert verify_note(log.sign(BODY) + LINE, [log.public_key]) == BODY


def test_the_keys_of_one_seed_are_told_apart() -> None:
    """A store signs its log and cosigns others with one seed; neither signature passes for the other."""
    log = Signer(SEED, "ste-escalator")
    assert Key.parse(WITNESS.public_key).algorithm == COSIGNATURE
    with pytest.raises(ValueError, match="None of the known keys"):
        verify_note(BODY + "\n" + LINE, [log.public_key])
    with pytest.raises(ValueError, match="not a cosignature"):
        verify_cosignature(BODY, log.sign(BODY).rpartition("\n\n")[2], WITNESS.public_key)
    with pytest.raises(ValueError, match="not the verifier key of a log"):
        verify_note(log.sign(BODY), [WITNESS.public_key])


@given(st.integers(0, len(LINE.encode()) - 1), st.integers(0, 7))
def test_a_cosignature_with_any_bit_changed_is_refused(at: int, bit: int) -> None:
    changed = bytearray(LINE.encode())
    changed[at] ^= 1 << bit
    with pytest.raises(ValueError):
        verify_cosignature(BODY, changed.decode(errors="surrogateescape"), WITNESS.public_key)


def test_the_word_is_about_this_very_text_and_time() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        verify_cosignature(BODY.replace("21", "22"), LINE, WITNESS.public_key)
    raw = bytearray(base64.b64decode(LINE.split()[2]))
    raw[11] ^= 1  # the last byte of the time
    with pytest.raises(ValueError, match="does not fit"):
        verify_cosignature(BODY, f"— ste-escalator {base64.b64encode(raw).decode()}\n", WITNESS.public_key)


def test_two_lines_are_not_one() -> None:
    with pytest.raises(ValueError, match="one line"):
        verify_cosignature(BODY, LINE + LINE, WITNESS.public_key)
