"""Which version of a document a worker goes by: the one in force, if it can follow that."""

from __future__ import annotations

from typing import Any

from streams.configuration.references import References
from streams.destinations import Pause
from streams.documents import Documents
from streams.registry.records import DESTINATION, Version
from streams.secrets import Secret
from tests.registry.governing import LABELS, POLICY, GoverningDocuments

CRM = {"kind": "destination", "name": "crm", "account": {"httpEndpoint": "https://api.example.com/v1"}}
SECRET = "STREAMS_SECRET_CRM"
WITH_SECRET = {**CRM, "customHeaders": {"x-key": {"value": f"${{env:{SECRET}}}", "secret": True}}}


class ARegistry:
    """Documents in force, as a test says."""

    def __init__(self) -> None:
        self.versions: dict[str, Version] = {}
        self.odd: dict[str, int] = {}
        self.governing = GoverningDocuments()

    def standing(self, kind: str) -> dict[str, Version]:
        return dict(self.versions) if kind == DESTINATION else self.governing.standing(kind)

    def unreadable(self, kind: str) -> dict[str, int]:
        return self.odd if kind == DESTINATION else self.governing.unreadable(kind)

    def history(self, kind: str, name: str) -> list[Version]:
        return self.governing.history(kind, name)

    def write(self, version: int, document: dict[str, Any] = CRM, **more: Any) -> None:
        self.versions["crm"] = Version(version=version, written_at=1, by="ann@desk", document=document, **more)


class World:
    """A registry, an environment, and what a worker goes by."""

    def __init__(self, *, delivers: bool = True) -> None:
        self.registry, self.environ, self.hidden = ARegistry(), dict[str, str](), list[Secret]()
        registry: Any = self.registry
        references = References(self.environ, None)
        self.documents = Documents(registry, references, delivers=delivers, hide=self.hidden.append)

    @property
    def exported(self) -> dict[str, int]:
        return {each.incarnation: each.version for each in self.documents.exported}

    @property
    def delivered(self) -> dict[str, int]:
        return {each.incarnation: each.version for each in self.documents.delivered}


def test_what_is_in_force_is_followed_and_what_is_the_same_is_no_news() -> None:
    world = World()
    world.registry.write(1)
    assert world.documents.look()
    assert (world.exported, world.delivered) == ({"crm.1": 1}, {"crm.1": 1})
    assert not world.documents.look()

    world.registry.write(2, life="draining")
    assert world.documents.look()
    assert world.documents.delivered[0].is_draining
    assert (world.exported, world.delivered, world.documents.gone) == ({"crm.1": 2}, {"crm.1": 2}, frozenset())


def test_a_secret_that_is_not_found_leaves_delivery_by_the_version_before_until_it_is_there() -> None:
    world = World()
    world.registry.write(1)
    world.documents.look()
    world.registry.write(2, WITH_SECRET)
    assert world.documents.look()
    assert (world.exported, world.delivered) == ({"crm.1": 2}, {"crm.1": 1})
    assert SECRET in world.documents.refused["crm"]
    assert not world.documents.look(again=True)

    world.environ[SECRET] = "correct horse"
    assert not world.documents.look()
    assert world.documents.look(again=True)
    assert (world.delivered, world.documents.refused) == ({"crm.1": 2}, {})
    assert world.hidden == [Secret("correct horse")]


def test_who_delivers_nothing_needs_no_secret() -> None:
    world = World(delivers=False)
    world.registry.write(1, WITH_SECRET)
    world.documents.look()
    assert (world.exported, world.delivered, world.documents.refused) == ({"crm.1": 1}, {}, {})


def test_a_destination_is_paused_although_its_secret_is_not_found() -> None:
    world = World()
    world.registry.write(1)
    world.documents.look()
    world.registry.write(2, WITH_SECRET, pause=Pause("ann@desk", "their maintenance", 1))
    assert world.documents.look()
    assert (world.delivered, world.documents.refused) == ({"crm.1": 2}, {})

    world.registry.write(3, WITH_SECRET)
    assert world.documents.look()
    assert world.delivered == {"crm.1": 2}
    assert world.documents.delivered[0].pause is not None
    assert SECRET in world.documents.refused["crm"]


def test_a_document_that_is_not_valid_here_leaves_both_stages_by_the_version_before() -> None:
    world = World()
    world.registry.write(1)
    world.documents.look()
    world.registry.write(2, {**CRM, "segmnets": ["gold"]})
    world.documents.look()
    assert (world.exported, world.delivered) == ({"crm.1": 1}, {"crm.1": 1})
    assert "segmnets" in world.documents.refused["crm"]

    world.registry.write(3)
    world.documents.look()
    assert (world.exported, world.documents.refused) == ({"crm.1": 3}, {})


def test_what_is_deleted_is_gone_whatever_could_be_followed_and_its_successor_gets_nothing_of_it() -> None:
    world = World()
    world.registry.write(1)
    world.documents.look()
    world.registry.write(2, {}, life="deleted")
    assert world.documents.look()
    assert (world.exported, world.delivered, world.documents.gone) == ({}, {}, frozenset({"crm.1"}))

    world.registry.write(3, {**CRM, "segmnets": ["gold"]}, number=2)
    world.documents.look()
    assert (world.exported, world.delivered, world.documents.gone) == ({}, {}, frozenset({"crm.1"}))

    world.registry.write(4, number=2)
    world.documents.look()
    assert (world.exported, world.delivered) == ({"crm.2": 4}, {"crm.2": 4})


def test_what_another_release_wrote_is_refused_and_leaves_what_was() -> None:
    world = World()
    world.registry.write(1)
    world.documents.look()
    world.registry.versions, world.registry.odd = {}, {"crm": 2}
    assert world.documents.look()
    assert world.delivered == {"crm.1": 1}
    assert "another release" in world.documents.refused["crm"]
    assert not world.documents.look(again=True)


def test_of_a_predecessor_whose_end_was_never_seen_nothing_is_left_either() -> None:
    world = World()
    world.registry.write(1)
    world.documents.look()
    world.registry.write(3, {**CRM, "segmnets": ["gold"]}, number=2)
    world.documents.look()
    assert (world.exported, world.delivered, world.documents.gone) == ({}, {}, frozenset({"crm.1"}))


PARTNER = {**CRM, "marketingActions": ["Export to Third Party"], "attributes": ["person.email"]}


def forbidden(world: World) -> list[bool]:
    """Return whether each stage takes the destination for forbidden."""
    return [each.forbidden is not None for each in (*world.documents.exported, *world.documents.delivered)]


def test_a_policy_or_labels_alone_forbid_a_destination_and_allow_it_again() -> None:
    world = World()
    world.registry.write(1, PARTNER)
    world.registry.governing.write({**POLICY, "status": "disabled"})
    world.documents.look()
    assert (forbidden(world), world.documents.governing) == ([False, False], {"policy/no-c2": 1})

    world.registry.governing.write(POLICY)
    assert world.documents.look()
    assert forbidden(world) == [False, False]

    world.registry.governing.write(LABELS)
    assert world.documents.look()
    assert not world.documents.look()
    assert forbidden(world) == [True, True]
    assert (world.exported, world.delivered) == ({"crm.1": 1}, {"crm.1": 1})
    assert world.documents.governing == {"policy/no-c2": 2, "labels/customer-data": 1}
    why = world.documents.delivered[0].forbidden or ""
    assert all(each in why for each in ("no-c2", "Export to Third Party", "C2", "labels customer-data", "person.email"))

    world.registry.governing.write({**POLICY, "status": "disabled"})
    assert world.documents.look()
    assert forbidden(world) == [False, False]


def test_each_version_that_is_gone_by_is_judged_for_itself() -> None:
    world = World()
    world.registry.governing.write(POLICY)
    world.registry.governing.write(LABELS)
    world.registry.write(1, PARTNER)
    world.documents.look()
    world.registry.write(2, {**WITH_SECRET, "attributes": ["person.email"]})
    world.documents.look()

    assert (world.exported, world.delivered) == ({"crm.1": 2}, {"crm.1": 1})
    assert forbidden(world) == [False, True]
