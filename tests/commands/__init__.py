"""Commands as they are called, on a real Kafka."""
