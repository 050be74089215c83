"""Endpoints: one attempt to deliver one export, with its token, behind the egress guard."""
