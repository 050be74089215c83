"""A version that stands in the registry becomes what a file becomes, and says by its name what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References
from streams.configuration.stored import stored, stored_without_secrets
from streams.destinations import Account, Attribute, ClientCredentials, Destination, Pause, Segment
from streams.registry.records import NamedAccount, Version
from streams.secrets import Secret
from tests.configurations import uncoded

ACCOUNT = {
    "kind": "account",
    "name": "partner",
    "httpEndpoint": "https://h/",
    "authEndpoint": "https://t/",
    "clientID": "c",
    "clientSecret": "${env:STREAMS_SECRET_CRM}",
}
DOCUMENT = {
    "kind": "destination",
    "name": "crm",
    "account": "partner",
    "segments": ["a"],
    "attributes": ["person.email"],
}
REFERENCES = References({"STREAMS_SECRET_CRM": "s"}, None)


def a_version(document: dict[str, Any] | None = None, account: dict[str, Any] | None = None, **others: Any) -> Version:
    named = NamedAccount(name="partner", version=3, document=account or ACCOUNT)
    return Version(version=7, written_at=5, by="ann@desk", document=document or DOCUMENT, account=named, **others)


def wrong(version: Version, references: References = REFERENCES) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        stored(version, references)
    return uncoded(str(caught.value).splitlines())


def test_a_version_becomes_its_destination_with_what_was_decided_of_it() -> None:
    pause = Pause("bob@home", "they move", 9)
    version = a_version(
        {**DOCUMENT, "since": "now"}, number=2, created_at=77, min_version=6, pause=pause, life="draining"
    )

    assert stored(version, REFERENCES) == Destination(
        "crm",
        Account("https://h/", ClientCredentials("https://t/", "c", Secret("s"))),
        number=2,
        version=7,
        segments=(Segment("a"),),
        attributes=(Attribute(("person", "email"), ("person", "email")),),
        since=77,
        min_version=6,
        pause=pause,
        is_draining=True,
    )


def test_who_does_not_send_needs_no_secret() -> None:
    destination = stored_without_secrets(a_version())

    assert destination.account.credentials is not None
    assert destination.account.credentials.client_secret.reveal() == ""
    assert (destination.version, destination.is_draining, destination.since) == (7, False, None)


def test_a_missing_secret_is_told_by_the_document_that_names_it() -> None:
    assert wrong(a_version(), References({}, None)) == [
        (
            "account partner version 3: clientSecret: STREAMS_SECRET_CRM is not set, or empty; set it in the worker's "
            "environment"
        )
    ]


def test_all_that_is_wrong_is_told_at_once_and_no_reference_is_read_where_no_secret_is_meant() -> None:
    document = {**DOCUMENT, "sorting": 1, "description": "${env:STREAMS_SECRET_CRM}"}
    account = {**ACCOUNT, "httpEndpoint": "ftp://h/"}

    assert [line.rpartition(";")[0] for line in wrong(a_version(document, account))] == [
        "destination crm version 7: description: has a reference",
        "account partner version 3: httpEndpoint: is not absolute",
        "destination crm version 7: sorting: is not a known key",
    ]
    with pytest.raises(ConfigurationError):
        stored_without_secrets(a_version(document))


def test_a_version_that_names_an_account_and_holds_none_is_wrong() -> None:
    version = Version(version=7, written_at=5, by="ann@desk", document=DOCUMENT)

    (told,) = wrong(version)
    assert told.startswith("destination crm version 7: account: no account is called 'partner'; ")
