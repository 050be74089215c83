"""The engine: everything that knows Faust's internals, behind one interface that does not show them."""

from streams.engine.engine import Engine
from streams.engine.message import Message
from streams.engine.settings import EngineSettings
from streams.engine.store import Table
from streams.engine.versions import UnknownVersion, check_versions

__all__ = ["Engine", "EngineSettings", "Message", "Table", "UnknownVersion", "check_versions"]
