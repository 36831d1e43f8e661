"""Lies in the lane's site-packages. The runtime is 3.11.9, the library that of this machine's 3.11: the one
looks for a class method where an older one of the other has a plain function.

And wine 8 now and then makes no process on a busy machine and calls that an internal error, which Windows does not: it
is asked again."""

import _winapi
import importlib.metadata
import time

_found = importlib.metadata.MetadataPathFinder.__dict__.get("invalidate_caches")
if _found is not None and not isinstance(_found, (classmethod, staticmethod)):
    importlib.metadata.MetadataPathFinder.invalidate_caches = classmethod(_found)

_INTERNAL_ERROR = 1359
_create = _winapi.CreateProcess


def _patient(*given: object) -> object:
    for seconds in (0.2, 1.0, 3.0):
        try:
            return _create(*given)
        except OSError as error:
            if error.winerror != _INTERNAL_ERROR:
                raise
            time.sleep(seconds)
    return _create(*given)


_winapi.CreateProcess = _patient
