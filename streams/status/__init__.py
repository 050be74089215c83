"""Status: what the workers report of themselves, where it is kept, and how it is shown."""
