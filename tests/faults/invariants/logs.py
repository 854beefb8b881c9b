"""I4, I5, I6, I10: the logs, their streams, the audit, and that nothing is left to do."""

import base64
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256

from events.checkpoints import Checkpoint, verify_note
from tests.faults.evidence import Event, Evidence
from tests.faults.invariants.findings import Finding

_NOTHING = "0" * 64
_UNLISTED = ("escalation.due",)


def streams_have_no_gap_or_fork(evidence: Evidence) -> list[Finding]:
    """I4: sequences are 1..n in every log, and versions 1..n in every stream of it, in the same order."""
    found: list[Finding] = []
    for service, feed in evidence.feeds.items():
        if [event.sequence for event in feed] != list(range(1, len(feed) + 1)):
            found.append(Finding("I4", f"The log of {service} is not numbered from 1 to {len(feed)}."))
        versions: dict[str, int] = defaultdict(int)
        for event in feed:
            versions[event.subject] += 1
            if event.head["streamversion"] != versions[event.subject]:
                found.append(Finding("I4", f"{event} is version {event.head['streamversion']}, and should be {versions[event.subject]}."))
    return found


def broker_holds_the_end_of_the_log(evidence: Evidence) -> list[Finding]:
    """I5: each stream is a suffix of its log without a gap, in order, each event once, and reaches the log's end."""
    found: list[Finding] = []
    for service, feed in evidence.feeds.items():
        held = [event.hash for event in evidence.streams.get(service, [])]
        # at least the last one: nothing at all would be the end of any log
        there = [event.hash for event in feed[-max(len(held), 1) :]]
        if held != there:
            strangers = set(held) - {event.hash for event in feed}
            twice = [hash_ for hash_, count in Counter(held).items() if count > 1]
            missing = set(there) - set(held)
            found.append(
                Finding(
                    "I5",
                    f"The stream of {service} has {len(held)} events and is not the end of its log of {len(feed)}; "
                    f"twice: {len(twice)}, missing: {len(missing)}, in no log: {len(strangers)}.",
                    "doubled" if twice else "wrong" if strangers else "lost",
                )
            )
    return found


def audit_is_whole_and_chained(evidence: Evidence) -> list[Finding]:
    """I6: one audit entry per event; the chain holds from the first event on, and against what was seen of it while the desk ran."""
    found: list[Finding] = []
    entries = Counter((entry["source"].strip("/"), entry["sequence"], entry["hash"]) for entry in evidence.audit)
    for service, feed in evidence.feeds.items():
        found += _unlisted(service, feed, entries)
        before = _NOTHING
        for event in feed:
            if not event.follows(before):
                found.append(Finding("I6", f"{event} does not follow the event before it."))
            before = event.hash
    for service, sequence, hash_ in evidence.anchors:
        feed = evidence.feeds[service]
        if len(feed) < sequence or feed[sequence - 1].hash != hash_:
            found.append(Finding("I6", f"{service} {sequence} was {hash_[:12]} while the desk ran, and is no more.", "lost"))
    if evidence.verified.get("ok") is not True:
        found.append(Finding("I6", f"The desk itself finds its stores wrong: {evidence.verified}"))
    return found + list(_wrong_checkpoints(evidence))


def nothing_is_left_to_do(evidence: Evidence) -> list[Finding]:
    """I10: every lag is 0, nothing is parked, no job waits, and none is dead but those that were refused."""
    found = [Finding("I10", f"An event is still parked: {item}") for item in evidence.parked]
    found += [Finding("I10", f"{name} does not say how far it is.") for name in evidence.feeds if name not in evidence.caught_up]
    heads = {f"/{name}": told["head"] for name, told in evidence.caught_up.items()}
    for name, told in evidence.caught_up.items():
        if told["relayed"] != told["head"]:
            found.append(Finding("I10", f"{name} has relayed {told['relayed']} of {told['head']} events."))
        found += [
            Finding("I10", f"{name} has consumed {position} of {heads.get(source)} events of {source}.")
            for source, position in told["positions"].items()
            if position != heads.get(source)
        ]
    waiting = [job for job in evidence.jobs if job["status"] in ("queued", "processing")]
    found += [Finding("I10", f"The job {job['dedupe_key']} is still {job['status']}.") for job in waiting]
    dead = [job for job in evidence.jobs if job["status"] == "dead" and job["last_error"] != "Nobody has this address."]
    return found + [Finding("I10", f"The job {job['dedupe_key']} is dead: {job['last_error']}") for job in dead]


def _unlisted(service: str, feed: Sequence[Event], entries: Counter[tuple[str, int, str]]) -> Iterator[Finding]:
    for event in feed:
        expected = 0 if event.type in _UNLISTED else 1
        if (count := entries[service, event.sequence, event.hash]) != expected:
            yield Finding("I6", f"{event} stands {count} times in the audit.", "lost" if count < expected else "doubled")


def _wrong_checkpoints(evidence: Evidence) -> Iterator[Finding]:
    for service, told in evidence.checkpoints.items():
        leaves = [sha256(b"\0" + bytes.fromhex(event.hash)).digest() for event in evidence.feeds[service]]
        for item in told["items"]:
            checkpoint = Checkpoint.parse(verify_note(item["note"], [told["key"]]))
            if checkpoint.size > len(leaves) or checkpoint.root != root(leaves[: checkpoint.size]):
                yield Finding(
                    "I6", f"The signed checkpoint over {checkpoint.size} events of {service} vouches for others: {_short(checkpoint.root)}."
                )


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root of the tree over these leaf hashes (RFC 6962, 2.1), by its definition."""
    if len(leaves) == 1:
        return leaves[0]
    if not leaves:
        return sha256().digest()
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\1" + root(leaves[:half]) + root(leaves[half:])).digest()


def _short(digest: bytes) -> str:
    return base64.b64encode(digest)[:12].decode()
