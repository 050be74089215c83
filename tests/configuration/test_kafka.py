"""How the brokers are reached, as it is written: what belongs together, what cannot be used, what is never shown."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest

from streams.brokers import Brokers, Login
from streams.configuration.kafka import Kafka
from streams.configuration.settings import load, masked
from streams.secrets import MASK, Secret
from tests.configurations import complaints, write_certificates, written

CANARY = "canary-5d1c"
BASE = {"STREAMS_INPUTS_MEMBERSHIPS": "m"}
SCRAM = {
    "STREAMS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "STREAMS_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "STREAMS_KAFKA_SASL_USERNAME": "streams",
}


LITERAL = "is a literal, or a reference of no known form; write ${env:STREAMS_SECRET_NAME} or ${file:name}"
UNSET = "STREAMS_SECRET_K is not set, or empty; set it in the worker's environment"
UNREADABLE = "cannot be read (No such file or directory); name a file that this process may read"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of certificates and keys."""
    folder = tmp_path_factory.mktemp("pem")
    write_certificates(folder, CANARY)
    return folder


def _kafka(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Kafka:
    return load(written(folder, text, "streams.yaml"), BASE | dict(environ or {})).kafka


def _problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    return complaints(lambda: _kafka(folder, text, environ), folder)


def test_without_a_word_the_brokers_are_reached_in_the_clear() -> None:
    assert load(None, BASE).kafka.brokers == Brokers(("localhost:9092",))


@pytest.mark.parametrize(
    ("protocol", "login"), [("SSL", False), ("SASL_SSL", True), ("SASL_PLAINTEXT", True), ("PLAINTEXT", False)]
)
def test_the_brokers_want_what_the_protocol_says(protocol: str, login: bool) -> None:
    more = {**SCRAM, "STREAMS_KAFKA_SASL_PASSWORD": "p"} if login else {}
    brokers = load(None, BASE | more | {"STREAMS_KAFKA_SECURITY_PROTOCOL": protocol}).kafka.brokers

    assert brokers.protocol == protocol
    assert brokers.login == (Login("SCRAM-SHA-512", "streams", Secret("p")) if login else None)


def test_certificates_and_host_names_are_verified_and_old_versions_refused(pem: Path) -> None:
    tls = _kafka(pem, "kafka: {securityProtocol: SSL, sslCafile: ca.pem}").brokers.tls

    assert tls is not None
    assert (tls.check_hostname, tls.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert len(tls.get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("kafka: {saslPassword: '${env:STREAMS_SECRET_K}'}", {"STREAMS_SECRET_K": CANARY}),
        ("kafka: {sasl_password: '${file:kafka}'}\nsecrets: {directory: .}", {}),
        ("", {"STREAMS_KAFKA_SASL_PASSWORD": CANARY}),
        ("kafka: {saslPassword: '${file:gone}'}", {"STREAMS_KAFKA_SASL_PASSWORD": CANARY}),
        ("", {"STREAMS_KAFKA_SASL_PASSWORD": "${env:STREAMS_SECRET_K}", "STREAMS_SECRET_K": CANARY}),
        ("", {"STREAMS_KAFKA_SASL_PASSWORD": "${file:kafka}", "STREAMS_SECRETS_DIRECTORY": "."}),
    ],
)
def test_a_password_is_a_reference_or_stands_in_its_own_variable(
    tmp_path: Path, text: str, environ: Mapping[str, str]
) -> None:
    (tmp_path / "kafka").write_text(CANARY + "\n")
    kafka = _kafka(tmp_path, text, SCRAM | dict(environ))

    assert kafka.brokers.login == Login("SCRAM-SHA-512", "streams", Secret(CANARY))
    assert kafka.secrets == [Secret(CANARY)]


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    settings = load(None, BASE | SCRAM | {"STREAMS_KAFKA_SASL_PASSWORD": CANARY})

    assert masked(settings)["kafka"]["saslPassword"] == MASK
    assert CANARY not in f"{settings} {settings!r} {masked(settings)} {settings.kafka.brokers!r}"


@pytest.mark.parametrize(
    ("text", "environ", "told"),
    [
        (f"kafka: {{saslPassword: {CANARY}}}", {}, "streams.yaml:1: kafka.saslPassword: is a literal"),
        ("kafka: {saslPassword: 12345}", {}, "streams.yaml:1: kafka.saslPassword: is a literal"),
        (f"kafka: {{saslPassword: [{CANARY}]}}", {}, "streams.yaml:1: kafka.saslPassword: is a literal"),
        (
            "",
            {"STREAMS_KAFKA_SASL_PASSWORD": "${env:HOME}"},
            "STREAMS_KAFKA_SASL_PASSWORD: kafka.saslPassword: is a lit",
        ),
        (
            "kafka: {saslPassword: '${env:STREAMS_SECRET_K}'}",
            {},
            "streams.yaml:1: kafka.saslPassword: STREAMS_SECRET_K is not set, or empty; set it in the worker's",
        ),
        ("kafka: {saslPassword: '${file:kafka}'}", {}, "kafka.saslPassword: refers to a file, but secrets.directory"),
    ],
)
def test_a_password_that_stands_in_the_file_or_cannot_be_had_is_refused_unseen(
    tmp_path: Path, text: str, environ: Mapping[str, str], told: str
) -> None:
    problems = _problems(tmp_path, text, SCRAM | dict(environ))

    assert len(problems) == 1
    assert told in problems[0]
    assert CANARY not in problems[0]
    assert "12345" not in problems[0]


def test_everything_that_contradicts_itself_is_told_at_once(tmp_path: Path) -> None:
    text = f"""\
    kafka:
      securityProtocol: SASL_SSL
      saslPassword: {CANARY}
      sslCafile: nowhere.pem
      sslCertfile: streams.yaml
      sslKeyPassword: '${{env:STREAMS_SECRET_K}}'
    """

    assert _problems(tmp_path, text) == [
        "streams.yaml:1: kafka.saslMechanism: is missing; SASL_SSL needs saslMechanism, saslUsername, saslPassword",
        "streams.yaml:1: kafka.saslUsername: is missing; SASL_SSL needs saslMechanism, saslUsername, saslPassword",
        f"streams.yaml:3: kafka.saslPassword: {LITERAL}",
        f"streams.yaml:4: kafka.sslCafile: nowhere.pem {UNREADABLE}",
        "streams.yaml:5: kafka.sslCertfile: has no key; name sslKeyfile too: the same file, if it holds both",
        f"streams.yaml:6: kafka.sslKeyPassword: {UNSET}",
        "streams.yaml:6: kafka.sslKeyPassword: has no key that it could open; name sslKeyfile, or leave it out",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "saslMechanism: PLAIN",
            "kafka.saslMechanism: is given, but PLAINTEXT has no login; set securityProtocol to SASL_SSL or SASL_PL",
        ),
        ("securityProtocol: SSL, saslUsername: u", "but SSL has no login; set securityProtocol to SASL_SSL, or leave"),
        (
            "sslCafile: ca.pem",
            "kafka.sslCafile: is given, but PLAINTEXT has no TLS; set securityProtocol to SSL or SASL_SSL",
        ),
        ("securityProtocol: SSL, sslKeyfile: client.key", "kafka.sslKeyfile: has no certificate"),
        ("securityProtocol: SSL, sslCafile: text.pem", "kafka.sslCafile: text.pem holds no certificates"),
        ("securityProtocol: SSL, sslCafile: .", "cannot be read (Is a directory)"),
        (
            "securityProtocol: SSL, sslCertfile: client.pem, sslKeyfile: other.key",
            "kafka.sslKeyfile: other.key is not the key of client.pem",
        ),
        (
            "securityProtocol: SSL, sslCertfile: text.pem, sslKeyfile: client.key",
            "kafka.sslCertfile: text.pem or client.key is not what it should be",
        ),
        (
            "securityProtocol: SSL, sslCertfile: client.pem, sslKeyfile: locked.key",
            "kafka.sslKeyfile: locked.key is encrypted; give sslKeyPassword",
        ),
        ("securityProtocol: TLS", "kafka.securityProtocol: came 'TLS'; expected 'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT'"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_mends_it(pem: Path, text: str, told: str) -> None:
    problems = _problems(pem, f"kafka: {{{text}}}")

    assert len(problems) == 1
    assert told in problems[0]


def test_a_wrong_password_of_a_key_is_told_unseen(pem: Path) -> None:
    text = "kafka: {securityProtocol: SSL, sslCertfile: client.pem, sslKeyfile: locked.key}"
    (problem,) = _problems(pem, text, {"STREAMS_KAFKA_SSL_KEY_PASSWORD": "another"})

    assert "STREAMS_KAFKA_SSL_KEY_PASSWORD: kafka.sslKeyPassword: does not open locked.key" in problem
    assert "another" not in problem


@pytest.mark.parametrize(
    "files", [("client.pem", "client.key"), ("both.pem", "both.pem"), ("client.pem", "locked.key")]
)
def test_our_certificate_and_its_key_are_taken_from_two_files_or_one_encrypted_or_not(
    pem: Path, files: tuple[str, str]
) -> None:
    text = f"kafka: {{securityProtocol: SSL, sslCertfile: {files[0]}, sslKeyfile: {files[1]}}}"
    environ = {"STREAMS_KAFKA_SSL_KEY_PASSWORD": CANARY} if "locked.key" in files else {}

    assert _kafka(pem, text, environ).brokers.tls is not None
