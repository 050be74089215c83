"""Dead letters as an operator meets them: read back, found, counted, and replayed by who owns their profiles."""
