"""Real brokers for the tests, started and ended by them."""
