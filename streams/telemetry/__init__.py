"""Telemetry: metrics, log lines and health; each happening told once."""
