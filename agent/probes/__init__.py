"""What is read on a device, one subject a file; table.py lists the probes."""
