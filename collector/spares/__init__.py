"""Spare parts: what fits, what lies in which depot, who pays. Out of people's CSV files, for the brief before a visit."""
