from __future__ import annotations

import zlib
from base64 import b64encode
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.bitmaps import MAX_BYTES, MAX_CHARACTERS, Finished, all_but, decode, encode, joined

ANCHOR = 1_700_000_000_000
OFFSETS = st.sets(st.integers(0, 12_000), max_size=80)


def the_finished(offsets: set[int], base: int = 0) -> Finished:
    """Return what says of exactly these *offsets*, counted from *base*, that they have ended."""
    end = max(offsets, default=-1) + 1
    unfinished = [base + number for number in range(end) if number not in offsets]
    return Finished(base, ANCHOR, bytes(all_but(base, base + end, unfinished)))


@given(OFFSETS, st.integers(0, 2**40))
def test_what_is_read_is_what_was_written(offsets: set[int], base: int) -> None:
    text = encode(the_finished(offsets, base))
    read = decode(text, base)

    assert len(text) <= MAX_CHARACTERS
    assert text.isascii()
    if not offsets:
        assert text == ""
        return
    assert read is not None
    assert read.anchor == ANCHOR
    assert {number for number in range(12_100) if base + number in read} == offsets
    assert read.top == base + max(offsets)


@given(st.binary(min_size=1_250, max_size=1_250))
def test_ten_thousand_offsets_fit_whatever_has_ended(bits: bytes) -> None:
    text = encode(Finished(5, ANCHOR, bits))

    assert len(text) <= MAX_CHARACTERS
    assert not bits.strip(b"\0") or (decode(text, 5) or Finished(0, 0, b"")).bits == bits.rstrip(b"\0")


@given(st.integers(0, 2**32))
def test_what_does_not_fit_is_cut_above_and_nothing_is_added(seed: int) -> None:
    bits = Random(seed).randbytes(20_000)
    text = encode(Finished(0, ANCHOR, bits))
    read = decode(text, 0)

    assert len(text) <= MAX_CHARACTERS
    assert read is not None
    assert bits.startswith(read.bits)
    assert len(read.bits) >= 3_000


@given(OFFSETS.filter(bool), st.data())
def test_a_text_with_another_character_is_none_of_ours(offsets: set[int], data: st.DataObject) -> None:
    text = encode(the_finished(offsets, 7))
    at = data.draw(st.integers(0, len(text) - 1))
    other = text[:at] + data.draw(st.sampled_from("0aZ /=é").filter(lambda c: c != text[at])) + text[at + 1 :]
    read = decode(other, 7)

    assert read is None or read == decode(text, 7)


@given(st.text(max_size=60) | st.from_regex(r"b1 -?\d{1,20} [0-9a-f]{8} [rdx][A-Za-z0-9+/=]{0,40}", fullmatch=True))
def test_a_foreign_text_is_ignored(text: str) -> None:
    assert decode(text, 0) is None


def test_a_text_beside_another_offset_is_ignored() -> None:
    text = encode(the_finished({3, 4}, base=100))

    assert decode(text, 100) is not None
    assert decode(text, 101) is None


def test_a_text_that_would_unfold_to_a_flood_is_ignored() -> None:
    bits = b"\xff" * (MAX_BYTES + 1)
    checksum = zlib.crc32(bits, zlib.crc32(b"0 1"))
    text = f"b1 1 {checksum:08x} d" + b64encode(zlib.compress(bits)).decode()

    assert len(text) <= MAX_CHARACTERS
    assert decode(text, 0) is None


@given(OFFSETS, OFFSETS, st.integers(0, 500), st.integers(0, 500))
def test_joined_says_each_part_of_its_own_offsets(first: set[int], other: set[int], base: int, width: int) -> None:
    """What begins at 0 says what lies from *start* on; what begins at *base* says what lies before."""
    start = base + width
    low = {offset for offset in first if base <= offset < start}
    bits = bytes(all_but(base, start, [offset for offset in range(base, start) if offset not in low]))
    both = Finished(base, ANCHOR, joined(bits, base, the_finished(other), start))

    assert {offset for offset in range(12_100) if offset in both} == low | {each for each in other if each >= start}


@pytest.mark.parametrize("bits", [b"", b"\0\0"])
def test_nothing_has_a_top_below_its_base(bits: bytes) -> None:
    assert Finished(9, ANCHOR, bits).top == 8
