"""Topics: what the worker's own must be, and how they come to be so."""
