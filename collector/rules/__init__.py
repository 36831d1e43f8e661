"""What is judged, and how: rules are rows of data (*.toml), `evaluate` is pure."""
