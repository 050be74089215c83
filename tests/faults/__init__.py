"""The fault matrix: real workers, a real Kafka, and a judge that shares no code with what it judges."""
