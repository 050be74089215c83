"""Why a worker does not start, or a command cannot do what it is asked."""

from __future__ import annotations

from streams.remedies import Remedies, Remedy

STARTS: Remedies = {
    "broker-away": Remedy(
        "No broker can be reached: its name does not resolve, nothing listens, or no answer comes in time.",
        "Mend `kafka.bootstrapServers`, the network or the broker. A worker waits for it, a command gives up",
    ),
    "cluster-not-ready": Remedy(
        "A broker answers, and the cluster has no controller yet.", "Wait; look at the brokers' logs"
    ),
    "listener-unsuited": Remedy(
        "The broker closes the connection without a word: the listener wants something else of its clients.",
        "Compare `kafka.securityProtocol` with the listener's; it may want a certificate (`kafka.sslCertfile`)",
    ),
    "login-refused": Remedy(
        "The brokers do not take this user with this password.",
        "Mend `kafka.saslUsername` and `kafka.saslPassword`, or make the user for that mechanism",
    ),
    "login-mechanism": Remedy("The listener takes no login by `kafka.saslMechanism`.", "Set one that it takes"),
    "login-not-asked": Remedy(
        "The listener has no login.", "Set `kafka.securityProtocol` to `SSL` or `PLAINTEXT`, or name one with SASL"
    ),
    "login-broken": Remedy("What answers the login is no broker, or a broken one.", "Look at what listens there"),
    "tls-wanted": Remedy(
        "The listener speaks TLS only.", "Set `kafka.securityProtocol` to `SSL` or `SASL_SSL`, or name another listener"
    ),
    "tls-not-spoken": Remedy(
        "The listener speaks no TLS.", "Name one that does, or set `kafka.securityProtocol` to one without"
    ),
    "tls-version": Remedy("Listener and worker have no version of TLS in common.", "Let the listener take 1.2 or 1.3"),
    "certificate-host": Remedy(
        "The broker's certificate is for another host.",
        "Use the name in the certificate, in `kafka.bootstrapServers` and in the broker's `advertised.listeners`",
    ),
    "certificate-untrusted": Remedy(
        "Nobody whom we trust has signed the broker's certificate.", "Name the authority in `kafka.sslCafile`"
    ),
    "certificate-expired": Remedy(
        "The broker's certificate does not hold now.", "Renew it, or set the clock of this machine"
    ),
    "certificate-invalid": Remedy("The broker's certificate does not hold at all.", "Mend it on the broker"),
    "certificate-refused": Remedy(
        "The broker does not take our certificate, or wants one.", "Mend `kafka.sslCertfile` and `kafka.sslKeyfile`"
    ),
    "kafka-refused": Remedy(
        "Kafka refuses what was asked, or did not come to an end with it in time; the message has its own word for it.",
        "Look at the brokers' logs, and try again",
    ),
    "input-missing": Remedy(
        "An input topic is not there, or may not be described.",
        "Create it, correct its name under `inputs`, or allow the worker to describe it",
    ),
    "input-partitions": Remedy(
        "The inputs do not have the same number of partitions, or not that of `inputs.partitions`: keys do not meet.",
        "Make one of them anew with the others' number, and write its records again",
    ),
    "input-changed": Remedy(
        "An input has another number of partitions than before, or is gone; the worker has stopped in order.",
        'See "More partitions" above',
    ),
    "topic-absent": Remedy(
        "A topic of ours is not there, and `topics.create` is false.",
        "`streams topics apply`, or the command in the message",
    ),
    "topic-partitions": Remedy(
        "A topic of ours has another number of partitions than the inputs.",
        "If nothing in it is needed, delete it and start again; otherwise set another `app`",
    ),
    "topic-config": Remedy(
        "A topic of ours is configured so that records could be lost, or not be written.",
        "Run the command in the message, then start again",
    ),
    "topic-hidden": Remedy(
        "A topic's configuration may not be read, so that it cannot be checked.",
        "Allow DescribeConfigs on it",
    ),
    "topic-not-created": Remedy(
        "Kafka does not create a topic of ours; the message has its reason.",
        "Allow it, or create the topic by hand: `streams topics plan` shows how it must be",
    ),
    "state-directory": Remedy(
        "`state.directory` cannot be made or written, or has no room left.",
        "Name a folder that the worker's user may write to",
    ),
    "port-taken": Remedy(
        "`http.host` and `http.port` cannot be listened on.", "Stop what listens there, or set another"
    ),
    "library-version": Remedy(
        "Faust, mode or aiokafka is installed in a version that was not tried.", "Install Streams in a venv of its own"
    ),
}
