"""Breaks the product on purpose, one law each: whoever holds it against the model must see that.

``MUTATIONS[name](put)`` does it, with what sets an attribute: ``setattr`` in a worker that lives no longer, in a test
what puts everything back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from msgspec.structs import replace as with_

from streams.activation import activate, deciding, forgetting, merging, projection, rendering, slots
from streams.activation.projection import Projection
from streams.activation.targets import Cause, Trigger
from streams.activation.triggers import Triggers
from streams.activation.unions import Unions
from streams.destinations import Attribute, Destination, Segment

Put = Callable[[Any, str, Any], None]


def _unless(put: Put, method: Any, name: str, skipped: Callable[..., bool]) -> None:
    """Let a method do nothing for some arguments."""
    original = getattr(method, name)
    put(method, name, lambda *given: None if skipped(*given) else original(*given))


def _documents(put: Put, changed: Callable[[Destination], Destination]) -> None:
    """Let projections be made of documents that say something else."""
    original = Projection.__init__

    def make(self: Projection, destination: Destination) -> None:
        original(self, changed(destination))

    put(Projection, "__init__", make)


def drop_exit(put: Put) -> None:
    """An exit triggers nothing."""
    _unless(put, Cause, "turn", lambda _, write: not write.membership.inside)


def ignore_time(put: Put) -> None:
    """The later record wins, whatever its event time."""
    put(slots, "_is_newer", lambda _, position, slot: slots.is_later(position, slot.position))


def entry_beats_exit(put: Put) -> None:
    """At equal times an entry wins."""
    newer = slots._is_newer
    put(slots, "_is_newer", lambda one, position, slot: one.time_us == slot.time_us or newer(one, position, slot))


def leak_attribute(put: Put) -> None:
    """An attribute leaves that nobody has mapped."""
    body = Projection.body

    def leaking(self: Projection, *given: Any, **more: Any) -> tuple[bytes, bool]:
        text, inside = body(self, *given, **more)
        return b'{"unmapped":1,' + text[1:], inside

    put(Projection, "body", leaking)


def leak_segment(put: Put) -> None:
    """A membership leaves that nobody has mapped."""
    _documents(put, lambda each: replace(each, segments=(*each.segments, Segment("unmapped"))))


def keep_old_exits(put: Put) -> None:
    """Exits are shown for ever."""
    put(projection, "EXITED_KEPT_MS", 10**15)


def forget_the_words(put: Put) -> None:
    """``status: ga`` is as alpha."""
    _documents(put, lambda each: replace(each, status="alpha"))


def leave_out_absent(put: Put) -> None:
    """``absent: null`` is as omit."""
    _documents(put, lambda each: replace(each, absent="omit"))


def leave_out_names(put: Put) -> None:
    """A membership does not say its segment's name."""
    _documents(put, lambda each: replace(each, include_segment_names=False))


def enter_incomplete(put: Put) -> None:
    """An entry does not wait for mandatory attributes."""
    put(Projection, "is_complete", lambda *_: True)


def exit_waits(put: Put) -> None:
    """An exit waits as an entry does."""
    put(deciding, "RULES", (deciding.RULES[0], *deciding.WAITING))


def ignore_since(put: Put) -> None:
    """Records from before ``since`` are exported."""
    put(deciding, "RULES", tuple(each for each in deciding.RULES if each.exclusion != "before-since"))


def oldest_fragment_wins(put: Put) -> None:
    """Of fragments that disagree the other one wins."""
    ordered = Unions._winning_last
    put(Unions, "_winning_last", lambda self, fragments: ordered(self, fragments)[::-1])


def replace_objects(put: Put) -> None:
    """Objects of two fragments do not become one."""
    put(merging, "merge", lambda _, higher: higher)


def deaf_to_identities(put: Put) -> None:
    """A change of identities triggers nothing."""
    put(Triggers, "_add_identities", lambda *_: None)


def deaf_to_attributes(put: Put) -> None:
    """A change of attributes triggers nothing."""
    put(Triggers, "_add_attributes", lambda *_: None)


def trigger_outside(put: Put) -> None:
    """Identities and attributes trigger for everybody."""
    put(Triggers, "_inside", lambda self, _: set(range(len(self._targets))))


def existing_triggers(put: Put) -> None:
    """A membership that continues triggers."""
    add = Triggers._add_membership
    put(
        Triggers,
        "_add_membership",
        lambda self, causes, write, *more: add(self, causes, with_(write, turned=True), *more),
    )


def keep_silent(put: Put) -> None:
    """Nobody is told that a profile is forgotten."""
    put(activate, "by_null", lambda *_: iter(()))


def tell_strangers(put: Put) -> None:
    """A withdrawal goes to who was never told of the profile."""

    def to_all(targets: Any, _: Any) -> Any:
        return [Cause(target, Trigger.FORGOTTEN) for target in targets]

    put(activate, "by_null", to_all)


def half_forget(put: Put) -> None:
    """A null leaves the attributes where they are."""
    forget = forgetting.forget

    def leaving(profile: Any, *given: Any) -> bool:
        fragments = profile.fragments
        done = forget(profile, *given)
        profile.fragments = fragments
        return done

    put(activate, "forget", leaving)


def one_id(put: Put) -> None:
    """An id names the record, whatever is exported."""
    put(rendering, "export_id", lambda namespace, source, _: f"{namespace.hex()}-{source}")


def do_nothing_again(put: Put) -> None:
    """A record that is read again is taken for one that is done."""
    put(slots, "is_same_record", lambda *_: False)


def since_again(put: Put) -> None:
    """A record that is done again and is too early is excluded, though it has replaced one that was not."""
    put(Cause, "repeated", property(lambda _: False, lambda *_: None))


def _without(put: Put, exclusion: str) -> None:
    put(deciding, "RULES", tuple(each for each in deciding.RULES if each.exclusion != exclusion))


def send_denied(put: Put) -> None:
    """A profile is sent that has not consented."""
    _without(put, "consent")


def keep_consent_silent(put: Put) -> None:
    """Nobody is told that consent is withdrawn."""
    put(activate, "withdraws", lambda _: False)


def forget_the_key(put: Put) -> None:
    """A withdrawal does not carry the deduplication key."""
    _attributes(put, lambda each: replace(each, deduplication_key=False))


def send_in_the_clear(put: Put) -> None:
    """What is to be hashed is sent as it is."""
    _attributes(put, lambda each: replace(each, hash=None))


def send_all_identities(put: Put) -> None:
    """Namespaces leave that nobody has selected."""
    _documents(put, lambda each: replace(each, identities=None))


def require_nothing(put: Put) -> None:
    """An entry does not wait for identities."""
    _without(put, "required-identity-missing")


def _attributes(put: Put, changed: Callable[[Attribute], Attribute]) -> None:
    _documents(put, lambda each: replace(each, attributes=tuple(map(changed, each.attributes))))


MUTATIONS: dict[str, Callable[[Put], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        *(
            drop_exit,
            ignore_time,
            entry_beats_exit,
            leak_attribute,
            leak_segment,
            keep_old_exits,
            forget_the_words,
            leave_out_names,
        ),
        *(leave_out_absent, enter_incomplete, exit_waits, ignore_since, oldest_fragment_wins, replace_objects),
        *(deaf_to_identities, deaf_to_attributes, trigger_outside, existing_triggers, keep_silent, tell_strangers),
        *(half_forget, one_id, do_nothing_again, since_again),
        *(send_denied, keep_consent_silent, forget_the_key, send_in_the_clear, send_all_identities, require_nothing),
    )
}
