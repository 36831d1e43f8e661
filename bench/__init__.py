"""Simulated devices, measurements and chaos: what docs/performance.md and docs/trust.md quote is printed here."""
