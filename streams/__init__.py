"""Streams: an open, self-hosted HTTP destination for Kafka."""

__version__ = "0.1.0"
