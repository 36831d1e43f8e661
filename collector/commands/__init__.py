"""The commands of `tocsin-collector`, by subject. Exit codes: 0 ok, 1 problem found, 2 usage, 3 configuration."""
