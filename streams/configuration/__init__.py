"""Configuration: settings and documents, read with all their errors at once, and secrets by reference."""
