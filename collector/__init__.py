"""Runs centrally and owns the store: takes reports in, judges them, opens and resolves tickets."""
