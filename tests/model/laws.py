"""The laws of activation, over dictionaries: what is known of one profile, and what each record sends to whom.

It is slow and it is plain: everything is computed anew for each record, before it and after it, and compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from tests.model import consenting, contents
from tests.model.contents import EPOCH, KEPT_MS, MISSING, Document, Entry, Segment

Kind = Literal["qualification", "exit", "membership", "fragment"]


@dataclass(frozen=True)
class Setting:
    """How a worker is configured: its inputs' kinds in the order of their sources, and which fragment wins."""

    inputs: Mapping[str, Kind]
    merge: Literal["newest", "precedence"]
    documents: Sequence[Document]


@dataclass(frozen=True)
class Record:
    """A record of the profile; *value* as it is parsed, None is a null."""

    topic: str
    value: Mapping[str, Any] | None
    timestamp: int


@dataclass
class Outcome:
    """How a record ended: over all, for each destination that it concerns, and what each is sent with which trigger."""

    end: str
    considered: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    sent: dict[str, tuple[str, Any]] = field(default_factory=dict)


@dataclass
class Person:
    """All that is known of a profile."""

    entries: dict[Segment, Entry] = field(default_factory=dict)
    fragments: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """By source: the record's timestamp, and what it says; MISSING after a null."""
    maps: dict[str, Any] = field(default_factory=dict)
    told: dict[str, bool] = field(default_factory=dict)
    """By destination: whether it was last told that the profile is in."""
    named: dict[str, Any] = field(default_factory=dict)
    """By destination: the identities that it was told, where consent has left some out."""
    keys: dict[str, Any] = field(default_factory=dict)
    """By source path: the deduplication keys that a life had which has ended."""
    before: Person | None = None
    """What is kept of the lives that a null has ended; its fragments are the last null's timestamp."""
    ended_at: int = 0

    def copy(self) -> Person:
        """Return one that changes by itself; what is known is replaced, never changed."""
        before = None if self.before is None else self.before.copy()
        known = (dict(self.entries), dict(self.fragments), dict(self.maps), dict(self.told))
        return Person(*known, dict(self.named), dict(self.keys), before, self.ended_at)

    @property
    def is_blank(self) -> bool:
        """Whether nothing is known of this life."""
        return not (self.entries or self.fragments or self.maps)


class Model:
    """One setting's laws; a person is passed, changed, and what follows is returned."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._ranks = {source: rank for rank, source in enumerate(setting.inputs)}

    # What is known.

    def values(self, person: Person, document: Document) -> dict[str, Any]:
        """Return the value at each source path that a destination maps."""
        ordered = sorted(person.fragments, key=lambda source: -self._ranks[source])  # the first one wins: it is last
        if self.setting.merge == "newest":
            ordered.sort(key=lambda source: person.fragments[source][0])
        texts = [person.fragments[source][1] for source in ordered if person.fragments[source][1] is not MISSING]
        paths = {each["source"] for each in contents.attributes_of(document)} | {"consents"}
        return {path: contents.union(contents.at(text, path) for text in texts) for path in paths}

    def identities(self, person: Person) -> dict[str, list[Any]]:
        """Return all identities, in the order of the sources."""
        maps = [person.maps[source] for source in sorted(person.maps, key=self._ranks.__getitem__)]
        return contents.identities(each for each in maps if each is not None)

    def permitted(self, person: Person, document: Document) -> dict[str, list[Any]] | None:
        """Return the identities that the destination may be sent; None if it may not be sent the profile."""
        return consenting.permitted(document, self.values(person, document)["consents"], self.identities(person))

    def mapped(self, entries: Mapping[Segment, Entry], document: Document) -> dict[Segment, Entry]:
        """Return the memberships of mapped segments."""
        return {segment: entries[segment] for segment in contents.segments_of(document) if segment in entries}

    def is_inside(self, person: Person, document: Document) -> bool:
        """Whether the profile is in a mapped segment."""
        return any(entry["status"] != "exited" for entry in self.mapped(person.entries, document).values())

    # Records.

    def take(self, person: Person, record: Record, now: int) -> Outcome:
        """Apply a record to *person*; the clock is in milliseconds."""
        kind = self.setting.inputs[record.topic]
        if record.value is None:
            if kind != "fragment":
                return Outcome("malformed")
            others = [text for source, (_, text) in person.fragments.items() if source != record.topic]
            if all(text is MISSING for text in others):
                return self._forget(person, record, now)
        changes = _changes(record.value, kind, now)
        if changes is None:
            return Outcome("malformed")
        old = person.copy()
        turned, written = self._write_entries(person, changes, record)
        if kind == "fragment":
            person.fragments[record.topic] = record.timestamp, MISSING if record.value is None else record.value
        has_map = record.value is None or "identityMap" in record.value
        if has_map:
            person.maps[record.topic] = None if record.value is None else record.value["identityMap"]
        if not written and kind != "fragment" and not has_map:
            return Outcome("overtaken")
        outcome = Outcome("not-triggered")
        for document in self.setting.documents:
            self._consider(outcome, document, old, person, record, (turned, written, has_map), now)
        return _closed(outcome)

    def _write_entries(
        self, person: Person, changes: Mapping[Segment, Entry], record: Record
    ) -> tuple[set[Segment], set[Segment]]:
        """Return which segments the profile has entered or left, and which were written at all."""
        turned, written = set(), set()
        for segment, entry in changes.items():
            known = person.entries.get(segment)
            older = known if known is not None or person.before is None else person.before.entries.get(segment)
            if older is not None and not _wins(entry, older):
                continue
            person.entries[segment] = {**entry, "written": record.timestamp}
            written.add(segment)
            if known is None or (known["status"] == "exited") != (entry["status"] == "exited"):
                turned.add(segment)
        return turned, written

    def _consider(
        self,
        outcome: Outcome,
        document: Document,
        old: Person,
        person: Person,
        record: Record,
        wrote: tuple[set[Segment], set[Segment], bool],
        now: int,
    ) -> None:
        turned, written, has_map = wrote
        mine = contents.segments_of(document).keys()
        is_fragment = self.setting.inputs[record.topic] == "fragment"
        inside = self.is_inside(person, document)
        if not (written & mine or (inside and (has_map or is_fragment))):
            return
        changed = (written if document.get("triggers") == "written" else turned) & mine
        trigger = self._trigger(document, old, person, record, changed, has_map and inside, is_fragment and inside)
        name, withheld = document["name"], self.permitted(person, document) is None
        if withheld and trigger in (None, "identity", "attribute") and person.told.get(name):
            trigger = "consent"
        exclusion = None if trigger is None else self._exclusion(document, person, record, trigger)
        if trigger is not None and exclusion is not None and withheld and person.told.get(name):
            outcome.considered[name] = "activated", None
            outcome.sent[name] = "consent", self.withdrawn(person, old, document, record, changed, now)
            person.told[name] = False
            return
        if trigger is None or exclusion is not None:
            outcome.considered[name] = ("not-triggered" if trigger is None else "excluded", exclusion)
            return
        outcome.considered[name] = "activated", None
        outcome.sent[name] = trigger, self.full(person, document, now, changed)
        person.told[name] = inside
        left, known = self.permitted(person, document), self.identities(person)
        person.named.pop(name, None)
        if left != known:
            person.named[name] = left

    def _trigger(
        self,
        document: Document,
        old: Person,
        person: Person,
        record: Record,
        changed: set[Segment],
        has_map: bool,
        is_fragment: bool,
    ) -> str | None:
        if changed:
            out = any(person.entries[segment]["status"] == "exited" for segment in changed)
            return "exited" if out else "entered"
        by_writing = document.get("triggers") == "written"
        if is_fragment and self._consents_otherwise(document, old, person):
            return "consent"
        if has_map:
            said = {} if record.value is None else record.value["identityMap"]
            written = "identities" not in document or contents.selected(document, contents.identities([said]))
            if (by_writing and written) or self._says_other_identities(document, old, person):
                return "identity"
        if is_fragment:
            before, after = self.values(old, document), self.values(person, document)
            for each in contents.attributes_of(document):
                path = each["source"]
                changed_to = [contents.seen(each, values[path]) for values in (before, after)]
                named = contents.seen(each, contents.at(record.value, path)) is not MISSING
                if not contents.same(*changed_to) or (by_writing and named):
                    return "attribute"
        return None

    def _consents_otherwise(self, document: Document, old: Person, person: Person) -> bool:
        """Whether the fragments from before had given something else, to the identities of now."""
        if "consent" not in document:
            return False
        known = self.identities(person)
        before, now = (self.values(each, document)["consents"] for each in (old, person))
        one, other = (consenting.permitted(document, each, known) for each in (before, now))
        return not contents.same(before, now) and one != other

    def _says_other_identities(self, document: Document, old: Person, person: Person) -> bool:
        consents = self.values(person, document)["consents"]
        before, now = (consenting.permitted(document, consents, self.identities(each)) for each in (old, person))
        if now is None:
            return not contents.same(self.identities(old), self.identities(person))
        was, is_now = (_by_id(contents.selected(document, each or {})) for each in (before, now))
        return was != is_now or (self._lacks(document, before or {}) and not self._lacks(document, now))

    def _lacks(self, document: Document, known: Mapping[str, list[Any]]) -> bool:
        """Whether an identity is missing that an entry waits for."""
        required = document.get("requiredIdentity", ())
        return any(not known.get(name) for name in ([required] if isinstance(required, str) else required))

    def _exclusion(self, document: Document, person: Person, record: Record, trigger: str) -> str | None:
        since = document.get("since")
        early = since is not None and record.timestamp < _microseconds(since) // 1_000
        if early and (trigger != "exited" or document["name"] not in person.told):
            return "before-since"
        if self.permitted(person, document) is None:
            return "consent"
        if trigger == "exited":
            return None
        return self.waits_for(document, person)

    def waits_for(self, document: Document, person: Person) -> str | None:
        """Return what an entry has to wait for; None if it need not."""
        values = self.values(person, document)
        mandatory = [each for each in contents.attributes_of(document) if each.get("mandatory")]
        if any(contents.seen(each, values[each["source"]]) in (MISSING, None) for each in mandatory):
            return "mandatory-attribute-missing"
        return "required-identity-missing" if self._lacks(document, self.permitted(person, document) or {}) else None

    def full(self, person: Person, document: Document, now: int, changed: Iterable[Segment] = ()) -> Any:
        """Return all that a destination gets to see: exits of the last 30 days, and those that have just *changed*."""
        changed = set(changed)
        entries = {
            segment: entry
            for segment, entry in self.mapped(person.entries, document).items()
            if entry["status"] != "exited" or entry["written"] >= now - KEPT_MS or segment in changed
        }
        ids = contents.selected(document, self.permitted(person, document) or {})
        return contents.body(document, self.values(person, document), entries, ids)

    def withdrawn(
        self, person: Person, old: Person, document: Document, record: Record, changed: set[Segment], now: int
    ) -> Any:
        """Return what is sent once consent is missing: who was in has left, with the identities that were told."""
        entries = {}
        for segment, entry in self.mapped(person.entries, document).items():
            if entry["status"] != "exited":
                entries[segment] = {"status": "exited", "time": max(entry["time"], record.timestamp * 1_000)}
            elif entry["written"] >= now - KEPT_MS or segment in changed:
                entries[segment] = entry
        known = person.named.get(document["name"], self.identities(old))
        person.named[document["name"]] = known
        ids = contents.selected(document, known)
        found = contents.keys(document, self.values(person, document))
        found["segmentMembership"] = contents.shown(document, entries)
        return found | ({"identityMap": ids} if ids else {})

    # Forgetting.

    def _forget(self, person: Person, record: Record, now: int) -> Outcome:
        outcome = Outcome("not-triggered")
        if person.is_blank and person.before is not None:
            return outcome
        kept = person.before or Person()
        kept.entries |= person.entries
        kept.maps = {"": contents.identities([*_map_of(kept), self.identities(person)])}
        for document in self.setting.documents:
            values = self.values(person, document)
            for attribute in contents.attributes_of(document):
                if attribute.get("deduplicationKey") and values[attribute["source"]] is not MISSING:
                    kept.keys[attribute["source"]] = values[attribute["source"]]
            self._keep_named(kept, person, document)
        kept.told |= {name: inside or kept.told.get(name, False) for name, inside in person.told.items()}
        kept.ended_at = record.timestamp
        person.__dict__ |= Person(before=kept).__dict__
        for document in self.setting.documents:
            inside = [
                each for each, entry in self.mapped(kept.entries, document).items() if entry["status"] != "exited"
            ]
            if kept.told.get(document["name"]):
                outcome.considered[document["name"]] = "activated", None
                outcome.sent[document["name"]] = "forgotten", self.withdrawal(kept, document, now)
            elif inside:
                outcome.considered[document["name"]] = "not-triggered", None
        return _closed(outcome)

    def withdrawal(self, kept: Person, document: Document, now: int) -> Any:
        """Return what takes a profile back: who was in has left, at the null's time, and no attribute is told."""
        entries = {}
        for segment, entry in self.mapped(kept.entries, document).items():
            if entry["status"] != "exited":
                left = {"status": "exited", "time": max(entry["time"], kept.ended_at * 1_000)}
                entries[segment] = left
            elif entry["written"] >= now - KEPT_MS:
                entries[segment] = entry
        ids = contents.selected(document, kept.named.get(document["name"], _map_of(kept)[0]))
        values = {each["source"]: kept.keys.get(each["source"], MISSING) for each in contents.attributes_of(document)}
        found = contents.keys(document, values)
        found["segmentMembership"] = contents.shown(document, entries)
        return found | ({"identityMap": ids} if ids else {})

    def _keep_named(self, kept: Person, person: Person, document: Document) -> None:
        """Keep which identities a destination was told that needs consent, of both lives."""
        name = document["name"]
        if "consent" in document and (name in person.told or name in kept.told):
            mine = person.named.get(name, self.identities(person)) if name in person.told else {}
            kept.named[name] = contents.identities([kept.named.get(name, {}), mine])


def _map_of(kept: Person) -> list[Any]:
    return [kept.maps[""]] if "" in kept.maps else []


def _by_id(known: Mapping[str, list[Any]]) -> dict[tuple[str, str], str]:
    return {(name, item["id"]): contents.spelled(item) for name, items in known.items() for item in items}


def _wins(entry: Entry, known: Entry) -> bool:
    """Whether an event overrides what is known: newer time does; of one time, exited beats in, else the later one."""
    out, was_out = entry["status"] == "exited", known["status"] == "exited"
    return bool((entry["time"], out) >= (known["time"], was_out))


def _closed(outcome: Outcome) -> Outcome:
    ends = {end for end, _ in outcome.considered.values()}
    outcome.end = next(end for end in ("activated", "excluded", "not-triggered") if end in ends | {"not-triggered"})
    return outcome


_MEANT = {"qualification": ("realized", {"realized", "existing"}), "exit": ("exited", {"exited"})}
_BOTH = (None, {"realized", "existing", "exited"})


def _changes(value: Mapping[str, Any] | None, kind: Kind, now: int) -> dict[Segment, Entry] | None:
    """Return the memberships that a record tells of; None if it cannot be what its topic says."""
    if kind == "fragment" or value is None:
        return {}
    unsaid, allowed = _MEANT.get(kind, _BOTH)
    changes: dict[Segment, Entry] = {}
    for namespace, segments in value.get("segmentMembership", {}).items():
        for segment, entry in segments.items():
            status, time = entry.get("status", unsaid), _microseconds(entry["lastQualificationTime"])
            if status not in allowed or time > (now + 600_000) * 1_000:
                return None
            changes[namespace, segment] = {"status": status, "time": time}
    return changes or None


def _microseconds(text: str) -> int:
    past = datetime.fromisoformat(text) - EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds
