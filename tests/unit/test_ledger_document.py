"""docs/ledger.md, worked through by its own words: whoever follows it gets the values that stand in it."""

import base64
import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from events.ledger import verify_consistency, verify_inclusion
from events.proofs import check_proof, read_proof
from tests.support.proofs import script

DOCUMENT = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text()
BLOCKS: dict[str, str] = dict(re.findall(r"^```\w+ (\w+)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL))


def values(block: str) -> list[tuple[str, str]]:
    """Return (name, value) of each line of a block that has both; the same name may come again."""
    names = "head|data|personal|salt|prevhash|datadigest|personaldigest|hash|seed|verifier key|time|line"
    pattern = rf"([a-z]+(?: [a-z]+)? \d(?: \w+ \d)?|{names}) +(.+)"
    return [(found[1], found[2]) for line in BLOCKS[block].splitlines() if (found := re.fullmatch(pattern, line))]


def hex_of(*parts: bytes) -> str:
    return sha256(b"".join(parts)).hexdigest()


def vkey(name: str, algorithm: int, seed: str) -> str:
    public = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key().public_bytes_raw()
    key = bytes([algorithm]) + public
    key_id = hex_of(name.encode(), b"\n", key)[:8]
    return f"{name}+{key_id}+{base64.b64encode(key).decode()}"


def signed(key: str, line: str) -> tuple[Ed25519PublicKey, bytes]:
    """Return the public key, and the signature in a line that claims to be this key's."""
    name, key_id, public = key.split("+", 2)
    dash, signer, encoded = line.split()
    raw = base64.b64decode(encoded)
    assert (dash, signer, raw[:4].hex()) == ("\N{EM DASH}", name, key_id)
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(public)[1:]), raw[4:]


def test_every_example_is_looked_at() -> None:
    assert set(BLOCKS) == {"event", "tree", "key", "checkpoint", "rotation", "cosignature", "proof"}


def test_the_digests_and_the_hash_of_the_event() -> None:
    told = dict(values("event"))
    head, data, personal = (told[part].encode() for part in ("head", "data", "personal"))
    for part in (head, data, personal):
        assert json.dumps(json.loads(part), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == part
    assert told["datadigest"] == json.loads(head)["datadigest"] == hex_of(data)
    assert told["personaldigest"] == json.loads(head)["personaldigest"] == hex_of(bytes.fromhex(told["salt"]), personal)
    assert told["hash"] == hex_of(bytes.fromhex(told["prevhash"]), head)


def test_the_tree() -> None:
    told: dict[str, list[str]] = {}
    for name, value in values("tree"):
        told.setdefault(name, []).append(value)
    hashes, leaves = ([told[f"{kind} {number}"][0] for number in range(5)] for kind in ("hash", "leaf"))
    event = dict(values("event"))
    assert (hashes[0], hashes[1]) == (event["prevhash"], event["hash"])
    assert leaves == [hex_of(b"\x00", bytes.fromhex(hash_)) for hash_ in hashes]

    def root(some: list[str]) -> str:
        if len(some) == 1:
            return some[0]
        left = 1 << (len(some) - 1).bit_length() - 1
        return hex_of(b"\x01", bytes.fromhex(root(some[:left])), bytes.fromhex(root(some[left:])))

    roots = [told[f"root of {size}"][0] for size in range(1, 6)]
    assert roots == [root(leaves[:size]) for size in range(1, 6)]
    whole = bytes.fromhex(roots[4])
    for index in (1, 4):
        assert verify_inclusion(bytes.fromhex(leaves[index]), index, 5, told[f"path of {index} in 5"], whole)
    assert verify_consistency(3, bytes.fromhex(roots[2]), 5, whole, told["from 3 to 5"])


def test_the_keys_are_those_of_their_seeds() -> None:
    for block, name, algorithm in (("key", "ste-tickets", 1), ("cosignature", "ste-escalator", 4)):
        told = dict(values(block))
        assert told["verifier key"] == vkey(name, algorithm, told["seed"])


def test_the_checkpoint_and_its_signature() -> None:
    body, _, line = BLOCKS["checkpoint"].rpartition("\n\n")
    origin, size, root, time = body.split("\n")
    assert (origin.split("/")[:2], size) == (["ste", "tickets"], "5")
    recorded = [entry["event"]["head"]["recordedtime"] for entry in json.loads(BLOCKS["proof"])["events"]]
    assert f"time {max(recorded)}" <= time
    assert base64.b64decode(root).hex() == dict(values("tree"))["root of 5"]
    key, signature = signed(dict(values("key"))["verifier key"], line)
    key.verify(signature, f"{body}\n".encode())


def test_the_rotation_record_names_the_next_key() -> None:
    record = BLOCKS["rotation"].partition("\n\n")[2]
    body, _, line = record.rpartition("\n\n")
    seed = dict(values("rotation"))["seed"]
    assert body == f"ste/key-rotation\n{vkey('ste-tickets', 1, seed)}"
    key, signature = signed(dict(values("key"))["verifier key"], line)
    key.verify(signature, f"{body}\n".encode())


def test_the_cosignature() -> None:
    told, body = dict(values("cosignature")), BLOCKS["checkpoint"].rpartition("\n\n")[0]
    key, raw = signed(told["verifier key"], told["line"])
    assert int.from_bytes(raw[:8], "big") == int(told["time"])
    key.verify(raw[8:], f"cosignature/v1\ntime {told['time']}\n{body}\n".encode())


def test_the_proof_file_proves_what_the_page_says() -> None:
    proved = check_proof(read_proof(BLOCKS["proof"]), dict(values("key"))["verifier key"])
    assert (proved.subject, proved.events, proved.silent, proved.checkpoint.size) == ("ticket/42", 3, 1, 5)
    document = json.loads(BLOCKS["proof"])
    assert document["checkpoint"] == BLOCKS["checkpoint"] + dict(values("cosignature"))["line"] + "\n"
    assert document["keys"] == [dict(values(block))["verifier key"] for block in ("key", "cosignature")]
    assert [entry["index"] for entry in document["events"]] == [1, 2, 4]
    assert document["events"][0]["event"]["hash"] == dict(values("event"))["hash"]
    assert "3 events of ticket/42" in script().verify(BLOCKS["proof"].encode(), document["keys"][0])
    with pytest.raises(ValueError):
        script().verify(BLOCKS["proof"].replace("in_progress", "in-progress").encode())
