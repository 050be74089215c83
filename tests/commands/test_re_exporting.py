"""Where a request for a profile is put: on the partition where the profile lives, found by what explains the others."""

from __future__ import annotations

from zlib import crc32

from streams.activation.partitioners import murmur2
from streams.commands.re_exporting import home

KEY = b"someone"
KEYS = [b"profile-%d" % number for number in range(50)]
BY_MURMUR2 = {(key, murmur2(key) % 8) for key in KEYS}
BY_CRC32 = {(key, crc32(key) % 8) for key in KEYS}


def test_the_setting_is_believed() -> None:
    assert home(KEY, 8, "murmur2", BY_CRC32) == murmur2(KEY) % 8
    assert home(KEY, 8, "crc32", BY_MURMUR2) == crc32(KEY) % 8


def test_without_one_it_is_what_explains_where_the_profiles_are() -> None:
    assert home(KEY, 8, "any", BY_MURMUR2) == murmur2(KEY) % 8
    assert home(KEY, 8, "any", BY_CRC32) == crc32(KEY) % 8


def test_where_the_profile_itself_is_seen_it_lives() -> None:
    elsewhere = {(key, (murmur2(key) + 3) % 8) for key in KEYS}

    assert home(KEY, 8, "any", {*elsewhere, (KEY, 5)}) == 5
    assert home(KEY, 8, "any", elsewhere) is None


def test_where_too_few_are_there_to_tell_it_is_as_java_places_it() -> None:
    assert home(KEY, 8, "any", set()) == murmur2(KEY) % 8
