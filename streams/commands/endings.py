"""How a command ends where it cannot do what it is asked: one message on standard error, and its exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from streams.codes import Denial, Refusal, coded
from streams.configuration.problems import ConfigurationError
from streams.denied import DeniedError
from streams.preconditions import RefusedError
from streams.refusals import AccessError
from streams.registry.registry import RegistryError
from streams.topics.plan import TopicError

FAILED, WRONG_CONFIGURATION = 1, 2

NOT_AUTHORIZED = "not-authorized"
"""The code of a right that is missing, as it is of a destination's state."""

_GIVEN_WRONG = (Denial.NO_TOKEN, Denial.WRONG_TOKEN)
_NOT_AUTHORIZED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)


class Commands(click.Group):
    """The command of commands: what keeps one of them from its work is a message, never a traceback.

    Ctrl-C ends with 1. ``NO_COLOR`` takes the colours away, as standard output that is no terminal does.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is asked for."""
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        with told():
            return super().invoke(ctx)


@contextmanager
def told() -> Iterator[None]:
    """End with 2 where what we are given is wrong or the brokers refuse us, with 1 where it cannot be done now."""
    try:
        yield
    except (ConfigurationError, AccessError, RefusedError, TopicError) as error:
        _end(str(error), WRONG_CONFIGURATION)
    except DeniedError as denied:
        _end(str(denied), WRONG_CONFIGURATION if denied.code in _GIVEN_WRONG else FAILED)
    except BrokenPipeError:  # who reads our output has enough of it, which click knows to end
        raise
    except (RegistryError, KafkaError, TimeoutError, OSError) as error:
        _end(_text(error), FAILED)
    except KeyboardInterrupt:
        _end("interrupted", FAILED)


def _text(error: Exception) -> str:
    """Return what *error* says, with its code; a time-out of asyncio's says nothing."""
    if isinstance(error, _NOT_AUTHORIZED):
        return coded(f"Kafka does not allow this user what is needed: {error}", NOT_AUTHORIZED)
    if isinstance(error, KafkaError):
        return coded(f"Kafka refused: {error}", Refusal.KAFKA_REFUSED)
    if isinstance(error, TimeoutError) and not str(error):
        return coded("Kafka did not answer in time", Refusal.KAFKA_REFUSED)
    return str(error)


def _end(why: str, code: int) -> NoReturn:
    click.echo(why, err=True)
    raise click.exceptions.Exit(code)
