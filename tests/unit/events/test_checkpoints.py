"""Notes and checkpoints against the published examples, and what must not pass as one."""

import base64
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.checkpoints import Checkpoint, Signer, checkpoint_body, checkpoint_origin, keyring, signer_of, verify_note

# The example of Go's package golang.org/x/mod/sumdb/note, which defined the format that c2sp.org/signed-note describes.
GO_SIGNING_KEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_BODY = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = f"{GO_BODY}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
# The body of the example in c2sp.org/tlog-checkpoint.
C2SP_BODY = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

ORIGIN = "0193c4f0-0000-7000-8000-000000000001"
SIGNER = Signer(bytes(range(32)), "ste/tickets")
OTHER = Signer(bytes(32), "ste/tickets")
BODY = checkpoint_body(checkpoint_origin("/tickets", ORIGIN), 1042, sha256().digest())
NOTE = SIGNER.sign(BODY)


def test_of_keys_that_followed_one_another_the_one_that_signed_is_found() -> None:
    assert [signer_of(NOTE, [first.public_key, then.public_key]) for first, then in ((SIGNER, OTHER), (OTHER, SIGNER))] == [0, 1]
    with pytest.raises(ValueError, match="None of the known keys"):
        signer_of(NOTE, [OTHER.public_key])


def test_the_published_note_is_verified() -> None:
    assert Signer.verify(GO_NOTE, GO_VKEY) == GO_BODY


def test_the_published_key_gives_the_published_verifier_key_and_note() -> None:
    _, _, name, _, encoded = GO_SIGNING_KEY.split("+", 4)
    signer = Signer(base64.b64decode(encoded)[1:], name)
    assert signer.public_key == GO_VKEY
    assert signer.sign(GO_BODY) == GO_NOTE


def test_the_published_checkpoint_is_read_and_written() -> None:
    checkpoint = Checkpoint.parse(C2SP_BODY)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint_body(checkpoint.origin, checkpoint.size, checkpoint.root) == C2SP_BODY


def test_a_checkpoint_names_the_store_by_service_and_origin() -> None:
    lines = [f"ste/tickets/{ORIGIN}", "1042", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", ""]
    assert BODY.split("\n") == lines
    assert Checkpoint.parse(Signer.verify(NOTE, SIGNER.public_key)) == Checkpoint(f"ste/tickets/{ORIGIN}", 1042, sha256().digest())


def test_when_it_was_signed_stands_in_an_extension_line_and_others_are_passed_over() -> None:
    time = "2026-11-23T09:00:00.123456Z"
    body = checkpoint_body("o", 1, b"\x00", time)
    assert body == f"o\n1\nAA==\ntime {time}\n"
    assert Checkpoint.parse(body) == Checkpoint("o", 1, b"\x00", time)
    assert Checkpoint.parse(f"o\n1\nAA==\nwitnessed by nobody\ntime {time}\nmore\n").time == time
    assert Checkpoint.parse("o\n1\nAA==\ntimes 1\n").time is None


@pytest.mark.parametrize("lines", ["time ", "time 7", "time 2026-11-23T09:00:00Z", "time 2026-11-23T10:00:00.000000+01:00"])
def test_a_time_that_is_none_is_refused(lines: str) -> None:
    with pytest.raises(ValueError):
        Checkpoint.parse(f"o\n1\nAA==\n{lines}\n")


def test_two_times_are_refused() -> None:
    with pytest.raises(ValueError, match="one time"):
        Checkpoint.parse("o\n1\nAA==\n" + "time 2026-11-23T09:00:00.123456Z\n" * 2)


@pytest.mark.parametrize(
    "body", ["", "o\n1\n", "o\n1\nAA==", "\n1\nAA==\n", "o\n01\nAA==\n", "o\n-1\nAA==\n", "o\n\N{SUPERSCRIPT TWO}\nAA==\n", "o\n1\n!\n"]
)
def test_what_is_no_checkpoint_is_refused(body: str) -> None:
    with pytest.raises(ValueError):
        Checkpoint.parse(body)


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(0, 7))
def test_a_note_with_any_bit_changed_is_refused(at: int, bit: int) -> None:
    changed = bytearray(NOTE.encode())
    changed[at] ^= 1 << bit
    with pytest.raises(ValueError):
        Signer.verify(changed.decode(errors="surrogateescape"), SIGNER.public_key)


def test_a_signature_has_but_one_spelling() -> None:
    last = NOTE.rindex("=") - 1  # its low bits are padding
    respelled = NOTE[:last] + chr(ord(NOTE[last]) + 1) + NOTE[last + 1 :]
    with pytest.raises(ValueError, match="base64"):
        Signer.verify(respelled, SIGNER.public_key)


def test_a_note_of_another_key_of_that_name_is_refused() -> None:
    with pytest.raises(ValueError, match="None of the known keys"):
        Signer.verify(NOTE, OTHER.public_key)


def test_signatures_of_unknown_keys_are_passed_over() -> None:
    cosigned = NOTE + OTHER.sign(BODY).rpartition("\n\n")[2]
    assert verify_note(cosigned, [SIGNER.public_key]) == BODY
    assert verify_note(cosigned, [OTHER.public_key]) == BODY


def test_one_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    forged = NOTE + OTHER.sign("something else\n").rpartition("\n\n")[2]
    with pytest.raises(ValueError, match="does not fit"):
        verify_note(forged, [SIGNER.public_key, OTHER.public_key])


@pytest.mark.parametrize("note", ["", BODY, BODY + "\n", NOTE[:-1], NOTE.replace("—", "-"), NOTE.replace("\n\n", "\n")])
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(ValueError):
        Signer.verify(note, SIGNER.public_key)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "ste/tickets",
        SIGNER.public_key[:-4],
        SIGNER.public_key.replace("ste/tickets", "ste/auth"),
        "ste/tickets+00000000+" + SIGNER.public_key.split("+", 2)[2],
        SIGNER.public_key + "!",
    ],
)
def test_a_damaged_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(ValueError):
        Signer.verify(NOTE, vkey)


@pytest.mark.parametrize("name", ["", "ste tickets", "ste+tickets", "ste\ntickets"])
def test_a_name_that_would_break_the_format_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a key"):
        Signer(bytes(32), name)


def test_a_text_without_its_last_newline_is_not_signed() -> None:
    with pytest.raises(ValueError, match="newline"):
        SIGNER.sign("half a line")


def test_a_new_key_is_trusted_when_the_old_one_signed_it() -> None:
    third = Signer(b"\x03" * 32, "ste/tickets")
    records = [SIGNER.hand_over_to(OTHER), OTHER.hand_over_to(third)]
    assert keyring(SIGNER.public_key, records) == [SIGNER.public_key, OTHER.public_key, third.public_key]


def test_a_key_that_vouches_for_itself_is_not_trusted() -> None:
    with pytest.raises(ValueError, match="None of the known keys"):
        keyring(SIGNER.public_key, [OTHER.hand_over_to(OTHER)])
    with pytest.raises(ValueError, match="no rotation record"):
        keyring(SIGNER.public_key, [NOTE])
