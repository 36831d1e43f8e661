"""From findings to work for people: opening, joining, moving, evidence, explanation."""
