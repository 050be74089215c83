"""The documents that are in force: what stands on the topic of documents, and how it changes."""
