"""Lies in the lane's site-packages. The runtime is 3.11.9, the library that of this machine's 3.11: the one
looks for a class method where an older one of the other has a plain function."""

import importlib.metadata

_found = importlib.metadata.MetadataPathFinder.__dict__.get("invalidate_caches")
if _found is not None and not isinstance(_found, (classmethod, staticmethod)):
    importlib.metadata.MetadataPathFinder.invalidate_caches = classmethod(_found)
