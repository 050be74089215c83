"""Delivery: each destination's exports on their way, in order per profile, to an end."""
