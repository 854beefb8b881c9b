"""Verify a proof file of a Support Ticket Express desk, offline: docs/ledger.md says what is in it and why each step proves something.

    python3 verify_proof.py FILE [KEY [WITNESS ...]]

KEY is the desk's verifier key ("name+id+base64") as you know it from elsewhere; without it the file vouches for its own key. Each WITNESS
is the key of a witness who must have cosigned it; for the keys of others the file vouches itself. Needs nothing but Python 3.11 and the
package `cryptography`. Ends with 0 if everything is proved, with 1 if anything is not, with 2 if it was called wrongly.
"""

import argparse
import base64
import json
import re
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class NotProved(ValueError):
    """Why not, in words for people."""


def demand(true: object, sentence: str) -> None:
    if not true:
        raise NotProved(sentence)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    demand(len(dict(pairs)) == len(pairs), "a member stands twice in the file")
    return dict(pairs)


def whole(text: str) -> None:
    demand(False, f"{text} is no whole number")


def canonical(value: Any) -> bytes:  # RFC 8785, for what occurs here: ASCII keys, whole numbers, text
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def unhex(text: str) -> bytes:
    demand(re.fullmatch("([0-9a-f]{2})+", str(text)), f"{text!r} is not spelled as hashes are")
    return bytes.fromhex(text)


def unbase64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text)
    except ValueError:
        raw = b""
    demand(base64.b64encode(raw).decode() == text, f"{text!r} is not spelled as base64 is")
    return raw


def parse_key(vkey: str) -> tuple[str, str, int, bytes]:  # name+id+base64(algorithm ‖ public key); 1 is a log's, 4 a witness's
    demand(str(vkey).count("+") > 1, f"{vkey!r} is no key: it has no name+id+base64")
    name, key_id, encoded = vkey.split("+", 2)
    raw = unbase64(encoded)
    demand(sha256(name.encode() + b"\n" + raw).hexdigest()[:8] == key_id and len(raw) == 33, f"{vkey!r} is no key")
    return name, key_id, raw[0], raw[1:]


def check_signature(body: str, line: str, vkey: str, algorithm: int) -> int:  # returns a witness's time
    name, key_id, kind, public = parse_key(vkey)
    demand(line.count(" ") == 2, f"{line!r} is no signature line")
    dash, signer, encoded = line.split(" ")
    signature, message, time = unbase64(encoded), body, 0
    demand((dash, signer, signature[:4].hex(), kind) == ("\u2014", name, key_id, algorithm), f"{name} should have signed here")
    signature = signature[4:]
    if algorithm == 4:
        time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
        message = f"cosignature/v1\ntime {time}\n{body}"
    Ed25519PublicKey.from_public_bytes(public).verify(signature, message.encode())
    return time


def open_note(note: str) -> tuple[str, list[str]]:
    body, blank, lines = str(note).rpartition("\n\n")
    demand(blank and lines.endswith("\n"), "a signed note ends in signature lines")
    return body + "\n", lines[:-1].split("\n")


def check_rotations(first: str, rotations: list[str]) -> list[str]:  # returns the log's keys: each was signed by the one before it
    keys = [first]
    for record in rotations:
        body, lines = open_note(record)
        demand(len(lines) == 1 and re.fullmatch("ste/key-rotation\n.+\n", body), "a rotation record names one key, and one key signs it")
        check_signature(body, lines[0], keys[-1], 1)
        keys.append(body.split("\n")[1])
    return keys


def signed_at(body: str) -> str:  # when a checkpoint was signed, in a line after its root; "" in those that are older than that line
    times = [line[5:] for line in body.split("\n")[3:] if line.startswith("time ")]
    demand(len(times) < 2, "a checkpoint is signed at one time")
    for time in times:
        demand(f"{datetime.fromisoformat(time):%Y-%m-%dT%H:%M:%S.%fZ}" == time, f"{time!r} is not spelled as times are")
    return times[0] if times else ""


def root_from(node: bytes, index: int, size: int, path: list[str]) -> bytes:  # RFC 9162, 2.1.3.2
    last, siblings = size - 1, [unhex(step) for step in path]
    while last:
        if index % 2 or index < last:  # at the right edge of a tree some nodes have no sibling and rise as they are
            demand(siblings, "a path is too short")
            sibling = siblings.pop(0)
            node = sha256(b"\x01" + (sibling + node if index % 2 else node + sibling)).digest()
        index, last = index // 2, last // 2
    demand(not siblings, "a path is too long")
    return node


def check_event(entry: dict[str, Any], origin: str, size: int, root: bytes, signed: str) -> tuple[str, int]:  # its subject and version
    event, head, index, path = entry["event"], entry["event"]["head"], entry["index"], entry["path"]
    demand(type(head["sequence"]) is int, "the sequence of an event is no number")
    what, personal, salt = f"event {head['sequence']}", event["personal"], event["salt"]
    demand(set(event) == {"head", "data", "personal", "salt", "prevhash", "hash", "traceparent"}, f"the members of {what} are amiss")
    demand(len(entry) == 3 and event["traceparent"] is None, f"something in {what} is not proved by anything")
    hash_ = sha256(unhex(event["prevhash"]) + canonical(head)).digest()
    demand(hash_.hex() == event["hash"], f"the hash of {what} is not that of its head")
    demand(sha256(canonical(event["data"])).hexdigest() == head["datadigest"], f"the data of {what} were changed")
    demand((personal is None) == (salt is None), f"{what} has a personal part without its salt, or a salt without it")
    if personal is not None:
        digest = sha256(unhex(salt) + canonical(personal)).hexdigest()
        demand(digest == head.get("personaldigest"), f"the personal part of {what} was changed")
    demand(origin.startswith(f"ste{head['source']}/"), f"{what} is of another log than the checkpoint")
    demand(type(index) is int and index == head["sequence"] - 1 and 0 <= index < size, f"the index of {what} is wrong")
    demand(type(path) is list and root_from(sha256(b"\x00" + hash_).digest(), index, size, path) == root, f"{what} is not in that tree")
    demand(not signed or head["recordedtime"] <= signed, f"{what} was stored after the checkpoint over it was signed")
    return head["subject"], head["streamversion"]


def verify(text: bytes, pinned: str | None = None, *trusted: str) -> str:  # what is proved; raises NotProved
    try:
        return check(text, pinned, *trusted)
    except NotProved:
        raise
    except InvalidSignature:
        raise NotProved("a signature does not fit its text") from None
    except json.JSONDecodeError as error:
        raise NotProved(f"this is no proof file, for it is not JSON: look at line {error.lineno}, column {error.colno}") from None
    except UnicodeError:
        raise NotProved("this is no proof file, for it is no text in UTF-8") from None
    except KeyError as error:
        raise NotProved(f"this is no proof file, for the member {error} is missing in it") from None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        raise NotProved("this is no proof file, for something in it is not of the kind that it should be") from None


def check(text: bytes, pinned: str | None, *trusted: str) -> str:
    document = json.loads(text, object_pairs_hook=once, parse_float=whole, parse_constant=whole)
    demand(set(document) == {"checkpoint", "keys", "rotations", "events"}, "this is no proof file")
    demand(all(type(document[name]) is list for name in ("keys", "rotations", "events")), "keys, rotations and events are lists")
    keys, witnesses = check_rotations(document["keys"][0], document["rotations"]), document["keys"][1:]
    demand(pinned is None or pinned in keys, f"it is signed by {keys[-1]}, which is not the key that you named")
    for key in trusted:
        demand(key in witnesses, f"the witness that you named has not cosigned it: {key}")
    body, (line, *lines) = open_note(document["checkpoint"])
    check_signature(body, line, keys[-1], 1)
    demand(len(lines) == len(witnesses), "the checkpoint is to be signed by each of the keys, and by no other")
    times = [check_signature(body, line, key, 4) for line, key in zip(lines, witnesses, strict=True)]
    origin, size, root = body.split("\n")[:3]
    demand(str(int(size)) == size, "the size of the checkpoint is no number")
    signed = signed_at(body)
    places = [check_event(entry, origin, int(size), unbase64(root), signed) for entry in document["events"]]
    demand(places, "there is no event in it")
    subject, count = places[0][0], len(places)
    demand(places == [(subject, number) for number in range(1, count + 1)], "an event is left out")
    told = [f"PROVED: {count} events of {subject}, from the first to the last here, stand in the log {origin} of {size} events."]
    heads = [entry["event"]["head"] for entry in document["events"] if entry["event"]["personal"] is None]
    if silent := [str(head["sequence"]) for head in heads if "personaldigest" in head]:
        told += [f"Of event {', '.join(silent)} the words are not here: left out of the file, or erased since. Their digest is proved."]
    for key, time in zip(witnesses, times, strict=True):
        word = "as you expected" if key in trusted else "by the file's own word; pin it with its key after KEY"
        told += [f"Seen by {key.split('+')[0]} at {datetime.fromtimestamp(time, UTC):%F %T} UTC ({word})."]
    when, whose = f"at {signed} " if signed else "", ", as you expected" if pinned else ". Is that the desk's key? Compare it"
    told += [f"Signed {when}by {keys[-1]}{whose}."]
    return "\n".join(told)


def main() -> str:
    parser = argparse.ArgumentParser(
        description="Verify a proof file of a Support Ticket Express desk, offline.",
        epilog="Ends with 0 if everything is proved, with 1 if anything is not, with 2 if it was called wrongly or FILE cannot be read.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="what GET /api/audit/proof?ticket=… gave")
    parser.add_argument("key", metavar="KEY", nargs="?", help="the desk's verifier key, name+id+base64, as you know it from elsewhere")
    parser.add_argument("witness", metavar="WITNESS", nargs="*", help="the key of a witness who must have cosigned it")
    asked = parser.parse_args()
    for key in [asked.key, *asked.witness] if asked.key else []:
        try:
            parse_key(key)
        except (ValueError, IndexError):
            parser.error(f"{key!r} is no verifier key, as ste-tickets+0f1e2d3c+A… is one")
    try:
        text = asked.file.read_bytes()
    except OSError as error:
        parser.error(f"{asked.file} cannot be read: {error.strerror}")
    return verify(text, asked.key, *asked.witness)


if __name__ == "__main__":
    try:
        sys.stdout.write(main() + "\n")
    except NotProved as error:
        sys.exit(f"NOT PROVED: {error}")
