"""What a changed destination may not be sent any more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.destinations import Consent
from streams.registry.narrowing import narrowings
from tests.records import a_destination

SHARE = Consent(("share",), granted=("y", "p"), absent="granted")


def consent(old: Consent | None, new: Consent | None) -> list[str]:
    crm = a_destination()
    return narrowings(replace(crm, consent=old), replace(crm, consent=new))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (None, SHARE, ["consent to share is needed"]),
        (None, Consent(("share", "collect")), ["consent to share is needed", "consent to collect is needed"]),
        (SHARE, replace(SHARE, needs=("marketing.email", "share")), ["consent to marketing.email is needed"]),
        (SHARE, replace(SHARE, granted=("p",)), ["consent y no longer counts as given"]),
        (SHARE, replace(SHARE, absent="denied"), ["no word of consent no longer counts as given"]),
    ],
)
def test_consent_that_was_not_asked_for_withdraws_what_was_rendered_without(
    old: Consent | None, new: Consent, why: list[str]
) -> None:
    assert consent(old, new) == why


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (SHARE, SHARE),
        (SHARE, None),
        (replace(SHARE, needs=("share", "collect")), SHARE),
        (replace(SHARE, granted=("y",)), SHARE),
        (replace(SHARE, absent="denied"), SHARE),
    ],
)
def test_less_that_is_asked_for_withdraws_nothing(old: Consent, new: Consent | None) -> None:
    assert consent(old, new) == []
