"""What the worker's topics must be, and what is said of one that is not."""

from __future__ import annotations

import pytest

from streams.topics import plan as topics
from streams.topics.plan import Found, Topic, TopicError, agreed_partitions, flaws


def _as_specified(spec: Topic, **changes: str) -> Found:
    changed = {key.replace("_", "."): value for key, value in changes.items()}
    return Found(spec.partitions, {**spec.config, **changed})


ALL = [
    topics.exports("app", "crm.1", 4),
    topics.dead_letters("app", 4),
    topics.commands("app", 4),
    topics.destinations("app"),
    topics.status("app"),
    topics.changelog("app", 4),
]


def test_each_topic_has_the_partitions_and_the_life_of_its_records() -> None:
    lives = {
        spec.name: (spec.partitions, spec.config["cleanup.policy"], spec.config.get("retention.ms")) for spec in ALL
    }

    assert lives == {
        "app.exports.crm.1": (4, "delete", "-1"),
        "app.dead-letters": (4, "delete", "2592000000"),
        "app.commands": (4, "delete", "604800000"),
        "app.destinations": (1, "compact", None),
        "app.status": (1, "compact", None),
        "app-profiles-changelog": (4, "compact", None),
    }


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_a_topic_as_specified_has_no_flaw_whatever_else_is_configured(spec: Topic) -> None:
    assert list(flaws(spec, _as_specified(spec, segment_ms="1000"))) == []


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_another_cleanup_policy_is_a_flaw_that_says_how_to_mend_it(spec: Topic) -> None:
    (flaw,) = flaws(spec, _as_specified(spec, cleanup_policy="compact,delete"))

    assert f"topic {spec.name} has cleanup.policy=compact,delete" in flaw
    assert f"--add-config cleanup.policy={spec.config['cleanup.policy']}" in flaw


def test_a_topic_that_takes_less_than_we_write_is_a_flaw_and_one_that_takes_more_is_none() -> None:
    changelog = topics.changelog("app", 4)
    limit = int(changelog.config["max.message.bytes"])
    (flaw,) = flaws(changelog, _as_specified(changelog, max_message_bytes=str(limit - 1)))

    assert f"has max.message.bytes={limit - 1}, expected {limit}: mend it with" in flaw
    assert list(flaws(changelog, _as_specified(changelog, max_message_bytes=str(limit + 1)))) == []


def test_an_exports_topic_that_forgets_is_a_flaw_but_dead_letters_may_be_kept_as_the_operator_likes() -> None:
    queue, parked = topics.exports("app", "crm.1", 4), topics.dead_letters("app", 4)

    assert len(list(flaws(queue, _as_specified(queue, retention_ms="604800000")))) == 1
    assert len(list(flaws(queue, _as_specified(queue, retention_bytes="1000000")))) == 1
    assert list(flaws(parked, _as_specified(parked, retention_ms="604800000"))) == []


def test_every_flaw_of_a_topic_is_told_at_once() -> None:
    spec = topics.changelog("changelog", 4)

    told = list(flaws(spec, Found(3, {"cleanup.policy": "delete"})))

    assert len(told) == 2
    assert "has 3 partitions, expected 4" in told[0]


def test_a_topic_whose_configuration_cannot_be_read_is_a_flaw() -> None:
    spec = topics.changelog("changelog", 4)

    (told,) = flaws(spec, Found(4, None))

    assert "cannot be checked" in told


def test_a_profile_input_that_forgets_is_doubted_and_one_that_keeps_the_last_record_of_each_is_not() -> None:
    forgets = {"cleanup.policy": "delete", "retention.ms": "604800000", "retention.bytes": "-1"}
    (doubt,) = topics.doubts("profiles", forgets, is_profile=True)
    both = topics.doubts("profiles", forgets | {"cleanup.policy": "compact,delete"}, is_profile=True)

    assert "profile input profiles has cleanup.policy=delete (retention.ms=604800000, retention.bytes=-1)" in doubt
    assert "--entity-name profiles --add-config cleanup.policy=compact" in doubt
    assert len(list(both)) == 1
    assert not list(topics.doubts("profiles", forgets | {"cleanup.policy": "compact"}, is_profile=True))
    assert not list(topics.doubts("profiles", forgets | {"retention.ms": "-1"}, is_profile=True))
    assert not list(topics.doubts("profiles", {}, is_profile=True)), "a broker that does not tell"


def test_a_membership_input_that_keeps_only_the_last_record_of_each_profile_is_doubted() -> None:
    (doubt,) = topics.doubts("exits", {"cleanup.policy": "compact"}, is_profile=False)

    assert "membership input exits has cleanup.policy=compact" in doubt
    assert not list(topics.doubts("exits", {"cleanup.policy": "delete"}, is_profile=False))


def test_inputs_that_agree_give_their_number_of_partitions() -> None:
    assert agreed_partitions({"entries": 3, "profiles": 3}, None) == 3
    assert agreed_partitions({"entries": 3, "profiles": 3}, 3) == 3


def test_all_that_is_wrong_with_the_inputs_is_told_at_once() -> None:
    with pytest.raises(TopicError) as caught:
        agreed_partitions({"entries": 3, "exits": None, "profiles": 4, "more": None}, None)

    assert [each.split(" does ")[0] for each in caught.value.problems[:2]] == ["input topic exits", "input topic more"]
    assert "entries has 3, profiles has 4" in caught.value.problems[2]


def test_inputs_that_are_not_as_the_settings_say_are_each_told() -> None:
    with pytest.raises(TopicError) as caught:
        agreed_partitions({"entries": 3, "exits": 6, "profiles": 4}, 6)

    assert [each.split(",")[0] for each in caught.value.problems] == [
        "input topic entries has 3 partitions",
        "input topic profiles has 4 partitions",
    ]


def test_inputs_that_are_all_missing_are_told_and_not_guessed() -> None:
    with pytest.raises(TopicError) as caught:
        agreed_partitions({"entries": None}, None)

    assert len(caught.value.problems) == 1
