"""Samples of the inputs: what strangers' records are, told before a worker reads them."""
