from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.configuration.documents import load, load_all
from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References
from streams.destinations import (
    Account,
    Attribute,
    Batch,
    ClientCredentials,
    Delivery,
    Destination,
    Header,
    Outcomes,
    Retry,
    Segment,
)
from streams.secrets import Secret
from tests.configurations import NO_SECRETS, complaints, written

CANARY = "canary-77aa"
SECRETS = References({"STREAMS_SECRET_CRM": CANARY, "HOME": CANARY}, None)

CRM = """
kind: destination
name: crm
description: Loyalty CRM of the north region
account:
  httpEndpoint: https://api.example.com/v1/profiles?source=streams&b=%2f+%20&b=
  authEndpoint: https://login.example.com/oauth2/token
  clientID: 9f1c
  clientSecret: ${env:STREAMS_SECRET_CRM}
customHeaders: "x-tenant:north, x-channel : segments"
marketingActions: [Email Targeting]
segments: [7841ba61-23c1-4bb3-a495-00d3g5fe1e93, {id: "7", namespace: aam, name: Seven}]
attributes: [person.email, {source: personalEmail.address, target: contact.email, mandatory: true}]
delivery: {maxInFlight: 8, timeoutSeconds: 3, retry: {maxElapsedSeconds: 90}}
"""

CRM_DESTINATION = Destination(
    name="crm",
    account=Account(
        "https://api.example.com/v1/profiles?source=streams&b=%2f+%20&b=",
        ClientCredentials("https://login.example.com/oauth2/token", "9f1c", Secret(CANARY)),
    ),
    description="Loyalty CRM of the north region",
    headers=(Header("x-tenant", "north"), Header("x-channel", "segments")),
    marketing_actions=("Email Targeting",),
    segments=(Segment("7841ba61-23c1-4bb3-a495-00d3g5fe1e93"), Segment("7", "aam", "Seven")),
    attributes=(
        Attribute(("person", "email"), ("person", "email")),
        Attribute(("personalEmail", "address"), ("contact", "email"), mandatory=True),
    ),
    delivery=Delivery(max_in_flight=8, timeout_seconds=3, retry=Retry(max_elapsed_seconds=90)),
)

MINIMAL = "kind: destination\nname: a\naccount: {httpEndpoint: https://h/x}\n"


def told(folder: Path, text: str, references: References = SECRETS) -> list[str]:
    return complaints(lambda: load([written(folder, text, "d")], references), folder)


def test_a_document_becomes_a_destination(tmp_path: Path) -> None:
    assert load([written(tmp_path, CRM)], SECRETS) == [CRM_DESTINATION]


def test_what_is_asked_of_the_delivery_is_what_it_is_told(tmp_path: Path) -> None:
    text = f"""{MINIMAL}
delivery:
  retry: adobe
  outcomes: {{delivered: [409], retry: [404, 5XX], fault: [418]}}
  batch: {{maxExports: 20, lingerMs: 5, format: ndjson}}
  supersede: true
  maxRequestsPerSecond: 2.5
  connectTimeoutSeconds: 1
  maxPauseSeconds: 3600
"""
    (destination,) = load([written(tmp_path, text)], SECRETS)

    assert destination.delivery == Delivery(
        retry=Retry("adobe"),
        outcomes=Outcomes(delivered=(409,), retry=(404, 5), fault=(418,)),
        batch=Batch(max_exports=20, linger_seconds=0.005, format="ndjson"),
        supersede=True,
        max_requests_per_second=2.5,
        connect_timeout_seconds=1,
        max_pause_seconds=3600,
    )


def test_the_same_document_in_json_is_the_same_destination(tmp_path: Path) -> None:
    document = {
        "kind": "destination",
        "name": "crm",
        "description": "Loyalty CRM of the north region",
        "account": {
            "httpEndpoint": "https://api.example.com/v1/profiles?source=streams&b=%2f+%20&b=",
            "authEndpoint": "https://login.example.com/oauth2/token",
            "clientId": "9f1c",
            "client_secret": "${env:STREAMS_SECRET_CRM}",
        },
        "custom_headers": {"x-tenant": "north", "x-channel": {"value": "segments"}},
        "marketingActions": ["Email Targeting"],
        "segments": ["7841ba61-23c1-4bb3-a495-00d3g5fe1e93", {"id": "7", "namespace": "aam", "name": "Seven"}],
        "attributes": [
            {"source": "person.email"},
            {"source": "personalEmail.address", "target": "contact.email", "mandatory": True},
        ],
        "delivery": {"max_in_flight": 8, "timeoutSeconds": 3, "retry": {"maxElapsedSeconds": 90}},
    }
    path = tmp_path / "crm.json"
    for indent in (None, "\t"):
        path.write_text(json.dumps([document], indent=indent, separators=(",", ":")))

        assert load([path], SECRETS) == [CRM_DESTINATION]


def test_an_account_of_its_own_serves_the_destinations_that_name_it(tmp_path: Path) -> None:
    text = """
    kind: destination
    name: a
    account: partner
    ---
    kind: account
    name: partner
    httpEndpoint: https://h/x
    authEndpoint: https://t/x
    clientId: c
    clientSecret: ${env:STREAMS_SECRET_CRM}
    clientCredentialsType: basic
    scope: profiles
    ---
    - {kind: destination, name: b, account: partner}
    - {kind: destination, name: c, account: {httpEndpoint: https://i/x}, absent: "null", triggers: written, status: ga}
    """
    a, b, c = load([written(tmp_path, text)], SECRETS)

    assert a.account == b.account
    assert a.account == Account(
        "https://h/x", ClientCredentials("https://t/x", "c", Secret(CANARY), "basic", "profiles")
    )
    assert c.account == Account("https://i/x")
    assert (c.absent, c.triggers, c.status) == ("null", "written", "ga")


def test_a_destination_without_segments_is_legal(tmp_path: Path) -> None:
    (destination,) = load([written(tmp_path, MINIMAL)], NO_SECRETS)

    assert destination == Destination(name="a", account=Account("https://h/x"))


def test_folders_are_read_in_the_order_of_names_and_each_file_once(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.json", "d.txt", ".e.yaml"):
        letter = name.strip(".")[0]
        account = '{"httpEndpoint": "https://h/x"}'
        (tmp_path / name).write_text(f'{{"kind": "destination", "name": "{letter}", "account": {account}}}')
    (tmp_path / "nested.yaml").mkdir()

    loaded = load([tmp_path / "c.json", tmp_path], NO_SECRETS)

    assert [destination.name for destination in loaded] == ["c", "a", "b"]


def test_everything_wrong_is_told_at_once_with_line_and_remedy(tmp_path: Path) -> None:
    text = """
    kind: destination
    name: Crm
    account:
      httpEndpoint: ftp://h/v1
      clientID: c
      clientSecretx: 1
    segments: [a, {id: a}, {ids: b}]
    attributes: [identityMap.x, a..b, {target: q}]
    delivery: {maxInFlight: 6400, timeoutSeconds: true, retry: {maxElapsedSeconds: x}}
    absent: none
    ---
    kind: destinatio
    ---
    kind: destination
    name: b
    account: partnr
    segments: [a, {id: a}]
    attributes: [person, person.email, person]
    marketingActions: [x, x]
    ---
    kind: account
    name: partner
    httpEndpoint: https://h/
    authEndpoint: https://h/
    ---
    {kind: account, name: partner, httpEndpoint: https://h/}
    ---
    {kind: destination, name: b, account: partner, unknown: 1}
    --- 7
    """
    assert sorted(told(tmp_path, text)) == sorted(
        [
            "d:2: name: came 'Crm'; expected 1 to 63 of a-z, 0-9 and '-'",
            (
                "d:3: account: authEndpoint and clientSecret are missing;"
                " give authEndpoint, clientID, clientSecret, or none of them"
            ),
            "d:4: account.httpEndpoint: is not absolute; expected https://host/path, or http://",
            "d:7: segments[1]: is here twice, first as number 1; keep one",
            "d:6: account.clientSecretx: is not a known key; did you mean 'clientSecret'?",
            "d:7: segments[2].ids: is not a known key; did you mean 'id'?",
            "d:7: segments[2].id: is missing; give it a value",
            "d:8: attributes[0].source: identityMap is sent always; leave it out of the attributes",
            (
                "d:8: attributes[1].source: 'a..b' has an empty part;"
                " write names joined by single dots, such as person.email"
            ),
            "d:8: attributes[2].source: is missing; give it a value",
            "d:9: delivery.maxInFlight: came 6400; expected at most 4096",
            "d:9: delivery.timeoutSeconds: came true; expected a number",
            "d:9: delivery.retry.maxElapsedSeconds: came 'x'; expected a number",
            "d:10: absent: came 'none'; expected 'omit' or 'null'",
            "d:12: kind: came 'destinatio'; did you mean 'destination'?",
            "d:16: account: no account is called 'partnr'; did you mean 'partner'?",
            "d:17: segments[1]: is here twice, first as number 1; keep one",
            (
                "d:18: attributes[1]: the targets 'person.email' and 'person' cannot both be in one body;"
                " give each its own place, neither inside the other"
            ),
            (
                "d:18: attributes[2]: the targets 'person' and 'person' cannot both be in one body;"
                " give each its own place, neither inside the other"
            ),
            "d:19: marketingActions[1]: is here twice, first as number 1; keep one",
            "d:21: clientID and clientSecret are missing; give authEndpoint, clientID, clientSecret, or none of them",
            "d:26: name: the account 'partner' is here twice, first at d:22; rename one",
            "d:28: name: the destination 'b' is here twice, first at d:15; rename one",
            (
                "d:28: unknown: is not a known key; known are kind, name, description, account, customHeaders,"
                " marketingActions, segments, attributes, identities, requiredIdentity, consent, includeSegmentNames,"
                " includeSegmentTimestamps, absent, triggers, status, since, delivery"
            ),
            "d:29: a document came 7; write a mapping with kind: destination, account, policy, labels or schema",
        ]
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("account: nobody", "account: no account is called 'nobody'"),
        ("account:", "account: came nothing; expected a mapping"),
        ("account: {}", "account.httpEndpoint: is missing"),
        ("account: [x]", "account: came a list; expected a mapping, or the name of an account document"),
        ("description: 9e5", "description: came 9e5; expected a text; put it in quotes"),
        ("description: 1_0", "description: came 1_0; expected a text; put it in quotes"),
        ("description: True", "description: came True; expected a text; put it in quotes"),
        ("segments:", "segments: came nothing; expected a list, such as []"),
        ("segments: x", "segments: came 'x'; expected a list"),
        ("segments: [007]", "segments[0]: came 007; expected a text or a mapping; put it in quotes"),
        ("segments: [{id: 7}]", "segments[0].id: came 7; expected a text"),
        ("segments: [' ']", "segments[0].id: came ' '; expected a text without control characters"),
        ("attributes: [segmentMembership]", "segmentMembership is sent always"),
        ("attributes: [{source: a, target: identityMap.ecid}]", "identityMap is sent always"),
        ("attributes: [.a]", "'.a' has an empty part"),
        ("attributes: [{source: a, target: ''}]", "came ''; expected a text"),
        ("customHeaders: [a]", "customHeaders: came a list; expected name1:value1,name2:value2 in quotes, or a"),
        ("customHeaders: {x: 1}", "customHeaders.x: is not a text"),
        ("customHeaders: {x: {value: v, secret: yes}}", "customHeaders.x.secret: came 'yes'; expected true or false"),
        ("customHeaders: {x: v, X: w}", "customHeaders: the header X is here twice"),
        ("customHeaders: {content-length: '0'}", "is content-length, which says how the body is sent"),
        ("customHeaders: {'a b': v}", "has a name that is no token"),
        ('customHeaders: {x: "v\\r\\ny: z"}', "has a value with control"),
        ("customHeaders: 'Host:x,y'", "customHeaders: header 2 is no name:value"),
        ("delivery: {maxPending: 3}", "delivery.maxPending: came 3; expected at least maxInFlight (64)"),
        ("delivery: {maxAhead: 20001}", "delivery.maxAhead: came 20001; expected at most 20000"),
        ("delivery: {retry: {firstSeconds: 61}}", "firstSeconds: came 61; expected at most capSeconds (60)"),
        ("delivery: {timeoutSeconds: 0}", "expected at least 0.01"),
        ("name: again", "the key 'name' is here twice"),
        ("description: [x]", "description: came a list; expected a text"),
    ],
)
def test_what_cannot_work_is_refused(line: str, problem: str, tmp_path: Path) -> None:
    key = line.partition(":")[0]
    kept = MINIMAL if key == "name" else "".join(f"{old}\n" for old in MINIMAL.splitlines() if not old.startswith(key))
    problems = told(tmp_path, f"{kept}{line}\n")

    assert any(problem in text for text in problems), problems
    assert all(text.startswith("d:") for text in problems)


@pytest.mark.parametrize(
    ("wrong", "between", "told_of"),
    [
        ("httpEndpoint: ftp://h/", "clientID: c", "are missing; give authEndpoint"),
        ("clientCredentialsType: x", "authEndpoint: https://t/", "are missing; give authEndpoint"),
    ],
)
def test_what_is_wrong_in_an_account_hides_nothing_between_its_keys(
    wrong: str, between: str, told_of: str, tmp_path: Path
) -> None:
    rest = "" if wrong.startswith("httpEndpoint") else "httpEndpoint: https://h/\n"
    problems = told(tmp_path, f"kind: account\nname: a\n{rest}{wrong}\n{between}\n")

    assert len(problems) == 2
    assert any(told_of in problem for problem in problems)


@pytest.mark.parametrize(
    ("line", "between"),
    [
        ("segments: [a, 7, {id: a}]", "segments[2]: is here twice, first as number 1"),
        ("attributes: [a..b, c, {source: d, target: c.e}]", "attributes[2]: the targets 'c.e' and 'c'"),
        ("marketingActions: [a, 7, a]", "marketingActions[2]: is here twice"),
        ("delivery: {timeoutSeconds: x, maxInFlight: 9, maxPending: 8}", "delivery.maxPending: came 8"),
        ("delivery: {retry: {maxElapsedSeconds: x, firstSeconds: 90}}", "delivery.retry.firstSeconds: came 90"),
        ("customHeaders: {x: 1, a: b, A: c}", "customHeaders: the header A is here twice"),
        ("customHeaders: {x: 1, y: {value: '${env:STREAMS_SECRET_Z}', secret: true}}", "STREAMS_SECRET_Z is not set"),
        ("status: x\naccount: partner", "no account is called 'partner'"),
    ],
)
def test_what_is_wrong_by_itself_hides_nothing_between_the_parts(line: str, between: str, tmp_path: Path) -> None:
    minimal = MINIMAL if "account" not in line else "kind: destination\nname: a\n"
    problems = told(tmp_path, f"{minimal}{line}\n")

    assert len(problems) == 2
    assert any(between in problem for problem in problems), problems


def test_nothing_follows_from_a_number_that_is_wrong_itself(tmp_path: Path) -> None:
    (problem,) = told(tmp_path, f"{MINIMAL}delivery: {{maxInFlight: 6400}}\n")

    assert problem == "d:4: delivery.maxInFlight: came 6400; expected at most 4096"


def test_authorization_and_oauth2_exclude_each_other(tmp_path: Path) -> None:
    headers = 'customHeaders: {authorization: "Basic x"}\n'

    assert load([written(tmp_path, MINIMAL + headers)], SECRETS)[0].headers == (Header("authorization", "Basic x"),)
    assert told(tmp_path, CRM.replace('customHeaders: "x-tenant:north, x-channel : segments"\n', headers)) == [
        (
            "d:9: customHeaders.authorization: would replace the OAuth2 token;"
            " leave it out, or leave out authEndpoint, clientID and clientSecret"
        )
    ]


def test_a_secret_header_is_resolved_and_hides_itself(tmp_path: Path) -> None:
    text = MINIMAL + "customHeaders: {x-api-key: {value: '${env:STREAMS_SECRET_CRM}', secret: true}}\n"
    (destination,) = load([written(tmp_path, text)], SECRETS)

    assert destination.headers == (Header("x-api-key", Secret(CANARY)),)
    assert CANARY not in repr(destination)


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL + "description: ${env:STREAMS_SECRET_CRM}\n",
        MINIMAL + "segments: ['${env:STREAMS_SECRET_CRM}']\n",
        MINIMAL + "attributes: ['${env:HOME}']\n",
        MINIMAL + "attributes: [{source: a, target: '${env:STREAMS_SECRET_CRM}'}]\n",
        MINIMAL + "marketingActions: ['${env:STREAMS_SECRET_CRM}']\n",
        MINIMAL + "delivery: {timeoutSeconds: '${env:STREAMS_SECRET_CRM}'}\n",
        MINIMAL + "customHeaders: 'x:${env:STREAMS_SECRET_CRM}'\n",
        MINIMAL + "customHeaders: {x: '${env:STREAMS_SECRET_CRM}'}\n",
        MINIMAL + "customHeaders: {x: {value: '${env:STREAMS_SECRET_CRM}'}}\n",
        MINIMAL + "customHeaders: {x: {value: '${env:STREAMS_SECRET_CRM}', secret: false}}\n",
        MINIMAL + "customHeaders: {x: {value: '${env:HOME}', secret: true}}\n",
        MINIMAL + "customHeaders: {x: {value: 'a${env:STREAMS_SECRET_CRM}', secret: true}}\n",
        MINIMAL + f"customHeaders: {{x: {{value: {CANARY}, secret: true}}}}\n",
        MINIMAL + f"customHeaders: 'x:{CANARY},host:{CANARY}'\n",
        MINIMAL + f"customHeaders: {{x: [{CANARY}]}}\n",
        MINIMAL.replace("https://h/x", '"https://h/?k=${env:STREAMS_SECRET_CRM}"'),
        MINIMAL.replace("https://h/x", f"https://u:{CANARY}@h/"),
        MINIMAL.replace("https://h/x", f"[{CANARY}]"),
        MINIMAL.replace("{httpEndpoint: https://h/x}", "${env:STREAMS_SECRET_CRM}"),
        CRM.replace("${env:STREAMS_SECRET_CRM}", "${env:HOME}"),
        CRM.replace("${env:STREAMS_SECRET_CRM}", CANARY),
        CRM.replace("${env:STREAMS_SECRET_CRM}", f"'${{{CANARY}}}'"),
        CRM.replace("${env:STREAMS_SECRET_CRM}", f"[{CANARY}]"),
        CRM.replace("${env:STREAMS_SECRET_CRM}", f"{{value: {CANARY}}}"),
        CRM.replace("${env:STREAMS_SECRET_CRM}", f"*{CANARY}"),
        CRM.replace("${env:STREAMS_SECRET_CRM}", f"!{CANARY}"),
        CRM.replace("${env:STREAMS_SECRET_CRM}", f'"{CANARY}'),
        CRM.replace("clientSecret: ${env:STREAMS_SECRET_CRM}", f"clientSecrt: {CANARY}"),
        CRM.replace("clientID: 9f1c", "clientID: ${env:STREAMS_SECRET_CRM}"),
        CRM.replace("https://login.example.com", "https://${env:STREAMS_SECRET_CRM}"),
        CRM + f"clientSecret: {CANARY}\n",
    ],
)
def test_a_secret_comes_from_one_place_goes_to_one_place_and_is_shown_in_none(text: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load([path], SECRETS)

    error = caught.value
    assert CANARY not in f"{error!s}{error!r}{error.problems}{error.__cause__}{error.__context__}"


def test_secrets_that_are_written_out_are_told_beside_everything_else(tmp_path: Path) -> None:
    header = f"customHeaders: {{x: {{value: {CANARY}, secret: true}}}}"
    text = CRM.replace('customHeaders: "x-tenant:north, x-channel : segments"', header).replace(
        "name: crm", "name: Crm"
    )
    problems = told(tmp_path, text.replace("${env:STREAMS_SECRET_CRM}", CANARY))

    literal = "is a literal, or a reference of no known form; write ${env:STREAMS_SECRET_NAME} or ${file:name}"
    assert sorted(problems) == [
        "d:2: name: came 'Crm'; expected 1 to 63 of a-z, 0-9 and '-'",
        f"d:8: account.clientSecret: {literal}",
        f"d:9: customHeaders.x: {literal}",
    ]


def test_a_number_where_a_secret_is_expected_is_not_shown(tmp_path: Path) -> None:
    problems = told(tmp_path, CRM.replace("${env:STREAMS_SECRET_CRM}", "73219"))

    assert problems == ["d:8: account.clientSecret: is not a text; quote it"]


@pytest.mark.parametrize("secret", ["two\nlines", "nul\0", "escape\x1b[0m"])
def test_a_secret_with_control_characters_is_refused_unseen(secret: str, tmp_path: Path) -> None:
    header = "customHeaders: {x: {value: '${env:STREAMS_SECRET_CRM}', secret: true}}"
    text = CRM.replace('customHeaders: "x-tenant:north, x-channel : segments"', header)
    problems = told(tmp_path, text, References({"STREAMS_SECRET_CRM": secret}, None))

    assert [problem.partition(";")[0] for problem in problems] == [
        "d:8: account.clientSecret: has control characters",
        "d:9: customHeaders.x: has a value with control characters, which could end it and begin another header",
    ]


def test_a_destination_that_sends_no_identifier_is_a_warning(tmp_path: Path) -> None:
    text = (
        f"{MINIMAL}attributes: [loyalty.tier]\n---\n{MINIMAL.replace('name: a', 'name: b')}attributes: [person.email]\n"
    )
    loaded = load_all([written(tmp_path, text, "d")], NO_SECRETS)

    assert len(loaded.destinations) == 2
    assert [warning.where for warning in loaded.warnings] == [f"{tmp_path}/d:4"]
    assert "destination a: no attribute looks like a unique identifier" in str(loaded.warnings[0])


def test_a_file_that_cannot_be_read_is_told_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    paths = [tmp_path / "nowhere", tmp_path / "binary", written(tmp_path, "kind: x", "d")]

    assert complaints(lambda: load(paths, NO_SECRETS), tmp_path) == [
        "nowhere: cannot be read (No such file or directory); name a file that is there",
        "binary:1: is not UTF-8; save the file as UTF-8",
        "d:1: kind: came 'x'; known are destination, account, policy, labels, schema",
    ]


KEYS = (
    "kind",
    "name",
    "account",
    "httpEndpoint",
    "clientSecret",
    "customHeaders",
    "segments",
    "attributes",
    "delivery",
)
words = st.sampled_from([*KEYS, "attributes", "a", "https://h/x", "${env:HOME}", "x:y", "\n", "\u2028", "\ud7ff"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)
entries = st.dictionaries(words, values, max_size=8)
documents = entries.map(lambda keys: {"name": "a", "account": {"httpEndpoint": "https://h/x"}, **keys}) | entries


texts = st.lists(documents.map(lambda keys: {**keys, "kind": "destination"}) | values, max_size=3).map(json.dumps)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=texts | st.text())
def test_any_document_is_loaded_or_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        told = repr(load([path], SECRETS))
    except ConfigurationError as error:
        told = str(error)

    assert CANARY not in told


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("now", "now"),
        ("2026-01-31T00:00:00Z", 1_769_817_600_000),
        ("2026-01-31T01:00:00.0001+01:00", 1_769_817_600_001),
        ('"1970-01-01T00:00:00Z"', 0),
    ],
)
def test_since_is_now_or_the_first_millisecond_that_is_not_before_a_time(
    tmp_path: Path, text: str, since: int | str
) -> None:
    (destination,) = load([written(tmp_path, f"{MINIMAL}since: {text}\n")], NO_SECRETS)

    assert destination.since == since


def test_all_history_is_exported_unless_a_document_says_otherwise(tmp_path: Path) -> None:
    (destination,) = load([written(tmp_path, MINIMAL)], NO_SECRETS)

    assert destination.since is None


@pytest.mark.parametrize("text", ["yesterday", "2026-01-31", "2026-01-31T00:00:00", "Now", "2026-02-30T00:00:00Z"])
def test_since_that_is_no_time_with_a_zone_is_refused_with_what_would_be_right(tmp_path: Path, text: str) -> None:
    (complaint,) = told(tmp_path, f"{MINIMAL}since: {text}\n")

    assert complaint.startswith(f"d:4: since: came '{text}'")
    assert complaint.endswith("expected a date, a time and a zone, such as 2020-05-25T21:24:39Z, or now")
