"""Activation: what arrives, what is known of a profile, who is sent what; and the loop that does it."""
