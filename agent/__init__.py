"""Runs on every device: reads what is, spools it, sends it. Judges nothing, changes nothing."""
