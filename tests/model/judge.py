"""Holds what the product did against what the model says: exactly where all is read once, by the duties after a crash.

What is read again may be exported again. Then each export must be one that the laws allow in a state that the profile
had since the record was read first, and the last one must say what is so in the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.model import contents
from tests.model.contents import Document, Segment
from tests.model.laws import Model, Outcome, Person, Record, Setting


class Disagreement(AssertionError):  # noqa: N818 - it is none of the product's errors
    """The product did what the model does not say."""


@dataclass(frozen=True)
class Sent:
    """An export as the product wrote it."""

    destination: str
    trigger: str
    body: Any
    id: str = ""


@dataclass
class Done:
    """How the product ended a record."""

    end: str | None
    sent: list[Sent]
    considered: dict[str, tuple[str, str | None]] | None = None


@dataclass
class Judge:
    """Of one profile; its *worlds* are all that may be known, where it is not known what has happened by itself.

    With *by_itself*, what was forgotten may be removed at any time, and old exits may leave.
    """

    setting: Setting
    by_itself: bool = False
    worlds: list[Person] = field(default_factory=lambda: [Person()])
    last: dict[str, Any] = field(default_factory=dict)
    """By destination, the last body that was sent."""
    due: dict[str, Any] = field(default_factory=dict)
    """By destination, the last body that the model has sent."""
    bodies: dict[str, str] = field(default_factory=dict)
    """By export id."""
    ends: list[tuple[Record, set[str]]] = field(default_factory=list)
    """How each record has ended; several ends where it is not known which."""

    def __post_init__(self) -> None:
        self._model = Model(self.setting)

    @property
    def person(self) -> Person:
        """What is known, where that is certain."""
        return self.worlds[0]

    def take(self, record: Record, done: Done, now: int) -> Outcome:
        """Hold a record that was read for the first time against the model; returns what the model says."""
        told = [(mine, self._model.take(mine, record, now)) for mine in self._supposed(now)]
        agreeing = [each for each in told if _agrees(each[1], done)]
        if not agreeing:
            raise Disagreement(f"{record}\n the product: {done}\n the model: {told[0][1]}")
        self.worlds = [world for world, _ in agreeing]
        outcome = agreeing[0][1]
        self.ends.append((record, {each.end for _, each in agreeing}))
        self.note(done.sent)
        self.due |= {name: body for name, (_, body) in outcome.sent.items()}
        return outcome

    def suppose(self, record: Record, now: int) -> list[tuple[Person, Outcome]]:
        """Apply a record of which it is not known what was sent; return what may be known then, and have been sent."""
        told = [(world, self._model.take(world, record, now)) for world in self._supposed(now)]
        self.worlds = [world for world, _ in told]
        return told

    def _supposed(self, now: int) -> list[Person]:
        """Return what may be known by now, each to be changed by itself."""
        worlds = {repr(world): world.copy() for world in self.worlds}
        waiting = list(worlds.values()) if self.by_itself else []
        while waiting:
            for each in _by_itself(waiting.pop(), now - contents.KEPT_MS):
                if repr(each) not in worlds:
                    worlds[repr(each)] = each
                    waiting.append(each)
        return list(worlds.values())

    def note(self, sent: Iterable[Sent]) -> None:
        """Note what stands in the exports; no id may stand for two bodies."""
        for each in sent:
            self.last[each.destination] = each.body
            spelled = contents.spelled(each.body)
            if each.id and self.bodies.setdefault(each.id, spelled) != spelled:
                raise Disagreement(f"{each.id} stands for two bodies: {each} and {self.bodies[each.id]}")

    def removed(self) -> None:
        """Note that what was forgotten is removed."""
        for world in self.worlds:
            world.before = None

    def again(self, done: Done, states: Iterable[Person], now: int) -> None:
        """Take what a record was sent for that may have been read before; *states* are those it may tell of."""
        states = list(states)
        for each in done.sent:
            if not any(self.may_say(state, each, now) for state in states):
                raise Disagreement(f"nothing allows {each}\n of {states}")
        self.note(done.sent)
        self.due |= {each.destination: each.body for each in done.sent if self.may_say(self.person, each, now)}
        for each in done.sent:
            for world in self.worlds:
                self.hear(world, each)

    def hear(self, world: Person, sent: Sent) -> None:
        """Note what a destination was told once more."""
        if sent.trigger != "forgotten" and not world.is_blank:
            world.told[sent.destination] = _says_in(sent.body)

    def covered(self, now: int, *names: str) -> None:
        """Raise unless the last export of each destination says what the model has sent last, or what is so now."""
        for document in self.setting.documents:
            name = document["name"]
            if names and name not in names:
                continue
            last, due = self.last.get(name), self.due.get(name)
            if contents.same(last, due) if name in self.last else name not in self.due:
                continue
            if self._waits(document, last, due):
                continue
            if name not in self.last or not any(
                self.may_say(world, Sent(name, "", last), now) for world in self.worlds
            ):
                raise Disagreement(f"{name} was told {last} last, and must have been told {due}")

    def _waits(self, document: Document, last: Any, due: Any) -> bool:
        """Whether an entry waits, so that nothing but the exits of before had to be told."""
        inside = [world for world in self.worlds if self._model.is_inside(world, document)]
        model = self._model
        if not any(model.waits_for(document, each) or model.permitted(each, document) is None for each in inside):
            return False
        said, must = (_flat({} if each is None else each["segmentMembership"]) for each in (last, due))
        return all(
            said.get(segment, entry) == entry and segment in said for segment, entry in must.items() if _is_out(entry)
        )

    def may_say(self, person: Person, sent: Sent, now: int) -> bool:
        """Whether an export that is written again may say that, if this is known of the profile."""
        document = next(each for each in self.setting.documents if each["name"] == sent.destination)
        kept = person.before
        if kept is not None and _like(
            sent.body, self._model.withdrawal(kept, document, now), self._kept(kept, document)
        ):
            return True
        if self._model.permitted(person, document) is None:  # then nothing else may leave
            return self._withdraws(person, document, sent.body)
        if self._may_have_lost_it(person, document) and self._withdraws(person, document, sent.body):
            return True
        if _like(sent.body, self._model.full(person, document, now), self._kept(person, document)):
            return True
        return self._tells_an_exit(person, document, sent.body, now)

    def _may_have_lost_it(self, person: Person, document: Document) -> bool:
        """Whether a withdrawal may be told again, consent or not: an entry waits, so nothing newer says who is out."""
        is_out = person.told.get(document["name"]) is False and "consent" in document
        return is_out and self._model.waits_for(document, person) is not None

    def _withdraws(self, person: Person, document: Document, body: Any) -> bool:
        """Whether it tells that the profile is gone, since consent is missing; when that was is not looked at."""
        said, mapped = _flat(body["segmentMembership"]), self._model.mapped(person.entries, document)
        inside = {segment for segment, entry in mapped.items() if not _is_out(entry)}
        if not inside <= said.keys() <= mapped.keys() or not all(map(_is_out, said.values())):
            return False
        known = person.named.get(document["name"], self._model.identities(person))
        wanted = contents.keys(document, self._model.values(person, document))
        wanted |= {"identityMap": ids} if (ids := contents.selected(document, known)) else {}
        return contents.same({name: value for name, value in body.items() if name != "segmentMembership"}, wanted)

    def _kept(self, person: Person, document: Document) -> dict[str, Any]:
        """Return the exits as they may be shown though they are old."""
        exits = {each: entry for each, entry in self._model.mapped(person.entries, document).items() if _is_out(entry)}
        return contents.shown(document, exits)

    def _tells_an_exit(self, person: Person, document: Document, body: Any, now: int) -> bool:
        """Whether it tells of an exit while the entry anew has to wait: segments of the profile shown as left."""
        said = {
            (namespace, each): entry
            for namespace, slots in body["segmentMembership"].items()
            for each, entry in slots.items()
        }
        full = self._model.full(person, document, now)
        mapped = self._model.mapped(person.entries, document)
        others = {key: value for key, value in body.items() if key != "segmentMembership"}
        if not contents.same(others, {key: value for key, value in full.items() if key != "segmentMembership"}):
            return False
        return said.keys() <= mapped.keys() and any(entry["status"] == "exited" for entry in said.values())


def _by_itself(world: Person, oldest: int) -> Iterator[Person]:
    """Yield what is known after one thing has happened by itself."""
    if world.before is not None:
        left = world.copy()
        left.before = None
        yield left
    for segment, entry in world.entries.items():
        if _is_out(entry) and entry["written"] < oldest:
            left = world.copy()
            del left.entries[segment]
            yield left
            if left.is_blank and left.before is None:
                yield Person()


def _like(body: Any, wanted: Any, kept: Mapping[str, Any]) -> bool:
    """Whether *body* is what is wanted, but for exits of *kept* that it may show as well."""
    if contents.same(body, wanted):
        return True
    said: dict[Segment, Any] = _flat(body["segmentMembership"])
    must, may = _flat(wanted["segmentMembership"]), _flat(kept)
    others = [{key: value for key, value in each.items() if key != "segmentMembership"} for each in (body, wanted)]
    if not contents.same(*others) or not must.keys() <= said.keys() <= must.keys() | may.keys():
        return False
    return all(entry == (must[each] if each in must else may[each]) for each, entry in said.items())


def _flat(namespaces: Mapping[str, Any]) -> dict[Segment, Any]:
    return {(name, each): entry for name, slots in namespaces.items() for each, entry in slots.items()}


def _is_out(entry: Mapping[str, Any]) -> bool:
    return bool(entry["status"] == "exited")


def _says_in(body: Any) -> bool:
    return any(not _is_out(entry) for entry in _flat(body["segmentMembership"]).values())


def _agrees(outcome: Outcome, done: Done) -> bool:
    if done.end is not None and done.end != outcome.end:
        return False
    if done.considered is not None and done.considered != outcome.considered:
        return False
    sent = {each.destination: (each.trigger, each.body) for each in done.sent}
    return (
        len(sent) == len(done.sent)
        and sent.keys() == outcome.sent.keys()
        and all(
            trigger == outcome.sent[name][0] and contents.same(body, outcome.sent[name][1])
            for name, (trigger, body) in sent.items()
        )
    )
