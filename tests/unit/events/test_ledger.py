"""The tree against the published vectors and against the definition, taken word for word from RFC 6962, section 2.1."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.ledger import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    inclusion_path,
    inclusion_paths,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

# Leaves, roots and proofs of the Certificate Transparency reference implementation:
# github.com/google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc; the same in github.com/transparency-dev/merkle, testonly.
CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_INCLUSION = [  # (index from 0, size, path)
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CT_CONSISTENCY = [  # (old size, new size, path)
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]

LEAVES = [leaf_hash(sha256(str(number).encode()).hexdigest()) for number in range(300)]
sizes = st.integers(1, len(LEAVES))


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 defines it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def grown(leaves: list[bytes]) -> Frontier:
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier


def test_a_leaf_is_the_hash_of_a_zero_byte_and_the_raw_bytes() -> None:
    assert leaf_hash("ab" * 32) == sha256(b"\x00" + b"\xab" * 32).digest()


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


def test_roots_equal_the_published_ones() -> None:
    frontier = Frontier()
    roots = []
    for data in CT_LEAVES:
        frontier.append(leaf_hash(data))
        roots.append(frontier.root().hex())
    assert roots == CT_ROOTS


@pytest.mark.parametrize(("index", "size", "path"), CT_INCLUSION)
def test_inclusion_proofs_equal_the_published_ones(index: int, size: int, path: list[str]) -> None:
    leaves = [leaf_hash(data) for data in CT_LEAVES]
    assert inclusion_path(leaves, index, size) == path
    assert verify_inclusion(leaves[index], index, size, path, bytes.fromhex(CT_ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new", "path"), CT_CONSISTENCY)
def test_consistency_proofs_equal_the_published_ones(old: int, new: int, path: list[str]) -> None:
    assert consistency_path([leaf_hash(data) for data in CT_LEAVES], old, new) == path
    assert verify_consistency(old, bytes.fromhex(CT_ROOTS[old - 1]), new, bytes.fromhex(CT_ROOTS[new - 1]), path)


def test_the_frontier_has_the_root_of_the_definition_at_every_size() -> None:
    frontier = Frontier()
    for size, leaf in enumerate(LEAVES, start=1):
        frontier.append(leaf)
        assert frontier.size == size
        assert frontier.root() == naive_root(LEAVES[:size])


@given(sizes, sizes)
def test_a_frontier_goes_on_where_it_was_dumped(one: int, other: int) -> None:
    earlier, later = sorted((one, other))
    resumed = Frontier.load(earlier, grown(LEAVES[:earlier]).dump())
    for leaf in LEAVES[earlier:later]:
        resumed.append(leaf)
    assert resumed.dump() == grown(LEAVES[:later]).dump()


@pytest.mark.parametrize(("size", "length"), [(0, 32), (1, 0), (1, 31), (2, 64), (3, 32), (-1, 32)])
def test_bytes_that_cannot_be_the_frontier_of_that_size_are_refused(size: int, length: int) -> None:
    with pytest.raises(ValueError, match="frontier"):
        Frontier.load(size, bytes(length))


def test_every_leaf_of_every_size_up_to_seventy_is_proved() -> None:
    for size in range(1, 71):
        root = naive_root(LEAVES[:size])
        for index, path in inclusion_paths(LEAVES, range(size), size).items():
            assert verify_inclusion(LEAVES[index], index, size, path, root)


def test_every_pair_of_sizes_up_to_forty_is_consistent() -> None:
    for new in range(1, 41):
        for old in range(1, new + 1):
            path = consistency_path(LEAVES, old, new)
            assert verify_consistency(old, naive_root(LEAVES[:old]), new, naive_root(LEAVES[:new]), path)


@given(st.data())
def test_any_changed_bit_makes_an_inclusion_proof_fail(data: st.DataObject) -> None:
    size = data.draw(sizes)
    index = data.draw(st.integers(0, size - 1))
    leaf, path, root = LEAVES[index], inclusion_path(LEAVES, index, size), grown(LEAVES[:size]).root()
    parts = [leaf, root, *map(bytes.fromhex, path)]
    parts = with_a_bit_changed(data, parts)
    assert not verify_inclusion(parts[0], index, size, [part.hex() for part in parts[2:]], parts[1])


@given(st.data())
def test_an_inclusion_proof_fits_no_other_index(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, len(LEAVES)))
    index, other = data.draw(st.lists(st.integers(-1, size), min_size=2, max_size=2, unique=True).filter(lambda pair: 0 <= pair[0] < size))
    assert not verify_inclusion(LEAVES[index], other, size, inclusion_path(LEAVES, index, size), grown(LEAVES[:size]).root())


@given(st.data())
def test_any_changed_bit_makes_a_consistency_proof_fail(data: st.DataObject) -> None:
    old, new = sorted(data.draw(st.lists(sizes, min_size=2, max_size=2, unique=True)))
    path = consistency_path(LEAVES, old, new)
    parts = [grown(LEAVES[:old]).root(), grown(LEAVES[:new]).root(), *map(bytes.fromhex, path)]
    parts = with_a_bit_changed(data, parts)
    assert not verify_consistency(old, parts[0], new, parts[1], [part.hex() for part in parts[2:]])


def test_a_path_of_another_length_proves_nothing() -> None:
    root, old_root = grown(LEAVES[:7]).root(), grown(LEAVES[:5]).root()
    path, steps = inclusion_path(LEAVES, 3, 7), consistency_path(LEAVES, 5, 7)
    assert not verify_inclusion(LEAVES[3], 3, 7, path[:-1], root)
    assert not verify_inclusion(LEAVES[3], 3, 7, [*path, path[0]], root)
    assert not verify_consistency(5, old_root, 7, root, steps[:-1])
    assert not verify_consistency(5, old_root, 7, root, [*steps, steps[0]])


@pytest.mark.parametrize("step", ["", "zz" * 32, "AB" * 32, "ab" * 31, "ab" * 33])
def test_a_step_that_is_no_hash_in_hex_proves_nothing(step: str) -> None:
    assert not verify_inclusion(LEAVES[0], 0, 2, [step], grown(LEAVES[:2]).root())
    assert not verify_consistency(1, LEAVES[0], 2, grown(LEAVES[:2]).root(), [step])


def test_what_is_not_in_the_tree_has_no_proof() -> None:
    for index, size in [(5, 5), (-1, 5), (0, 0)]:
        with pytest.raises(IndexError):
            inclusion_path(LEAVES, index, size)
    for old, new in [(0, 5), (6, 5), (-1, 5)]:
        with pytest.raises(IndexError):
            consistency_path(LEAVES, old, new)
        assert not verify_consistency(old, EMPTY_ROOT, new, EMPTY_ROOT, [])
    with pytest.raises(ValueError, match="4 leaves, not 5"):
        inclusion_path(LEAVES[:4], 0, 5)


def with_a_bit_changed(data: st.DataObject, parts: list[bytes]) -> list[bytes]:
    which, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    changed = bytearray(parts[which])
    changed[bit // 8] ^= 1 << bit % 8
    return [*parts[:which], bytes(changed), *parts[which + 1 :]]
