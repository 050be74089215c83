"""A dead letter says when it is read back what was written of it, and nothing of a stranger's unasked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.dead_letters import ADDED_HEADERS, Stage
from streams.ends import Reason
from streams.exports import MAX_ROW_BYTES
from streams.letters import letter as letters
from streams.letters.letter import Place, Source, open_headers, read_letter
from tests.deliverables import ARecord, export_headers
from tests.letters.letters_of import NOW_MS, a_letter


def test_it_says_what_was_written() -> None:
    letter = a_letter(offset=3)

    assert (letter.place, str(letter.place)) == (Place(0, 3), "0:3")
    assert (letter.reason, letter.stage, letter.destination) == ("refused", letters.Stage.DELIVERY, "crm")
    assert (letter.status, letter.attempts, letter.replays, letter.omitted) == (400, 2, 0, None)
    assert letter.source == Source("streams.exports.crm.1", 0, 41)
    assert (letter.key, letter.body, letter.size, letter.written_at) == (b"p1", b"{}", 2, NOW_MS)


def test_a_record_that_could_not_be_read_has_no_destination() -> None:
    letter = a_letter(
        ARecord(value=None, topic="profiles"),
        stage=Stage.ACTIVATION,
        reason=Reason.NULL_VALUE,
        destination=None,
        status=None,
        attempts=None,
    )

    assert (letter.reason, letter.stage, letter.destination) == ("null-value", letters.Stage.ACTIVATION, None)
    assert (letter.status, letter.attempts, letter.body, letter.size) == (None, None, None, None)


def test_one_that_was_a_letter_before_says_why_it_is_one_now() -> None:
    headers = [*export_headers("id"), ("streams.replays", b"2"), ("streams.reason", b"exhausted")]
    letter = a_letter(ARecord(headers=headers))

    assert (letter.reason, letter.replays) == ("refused", 2)


def test_what_is_too_large_is_told_without_its_bytes() -> None:
    letter = a_letter(ARecord(value=b"x" * MAX_ROW_BYTES))

    assert (letter.body, letter.omitted) == (None, MAX_ROW_BYTES + len(b"p1"))


def test_of_an_export_all_headers_may_be_shown() -> None:
    assert all(is_open for *_, is_open in open_headers(a_letter(ARecord(headers=export_headers("id")))))


def test_of_a_stranger_s_record_only_what_was_added_may_be() -> None:
    """It may have given its headers the names of ours."""
    headers = [("name", b"Ada"), ("streams.meta", b"Ada"), ("streams.reason", b"Ada"), ("streams.replays", b"7")]
    letter = a_letter(ARecord(headers=headers), stage=Stage.ACTIVATION, reason=Reason.INVALID_JSON)

    assert letter.replays == 0
    assert [value for _, value, is_open in open_headers(letter) if not is_open] == [b"Ada", b"Ada", b"Ada", b"7"]
    assert {name for name, _, is_open in open_headers(letter) if is_open} <= ADDED_HEADERS


def test_neither_key_nor_body_is_printed_by_accident() -> None:
    assert "Ada" not in repr(a_letter(ARecord(key=b"Ada", value=b"Ada", headers=[("name", b"Ada")])))


names = st.sampled_from([*sorted(ADDED_HEADERS), "streams.id", "streams.meta", "streams.replays", "other"])
values = st.one_of(st.binary(max_size=9), st.sampled_from([b"7", b"-7", b"9" * 30, b"TASK_PUT", "٣".encode()]))


@given(st.lists(st.tuples(names, values), max_size=9), st.none() | st.binary(max_size=9))
def test_whatever_stands_there_is_read(headers: list[tuple[str, bytes]], value: bytes | None) -> None:
    letter = read_letter(ARecord(headers=headers, value=value))

    assert [(name, value) for name, value, _ in open_headers(letter)] == headers
    assert all(number is None or number >= 0 for number in (letter.status, letter.attempts, letter.omitted))
