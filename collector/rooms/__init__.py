"""Rooms with A/V hosts: what belongs in them, whether they are ready, when they are used."""
