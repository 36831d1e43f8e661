"""Files of the state directory: whole or not at all, and for nobody else's eyes."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any, Final

# Full rights for the system, the administrators and whoever made it; inherited by what is made below (OI CI),
# nothing inherited from above (P).
_WINDOWS_RIGHTS: Final = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;{user})"


def make_private_directory(path: Path) -> None:
    """Create `path` with rights 0700, on Windows for the system, the administrators and this user.
    One that exists keeps its rights (doctor looks at them)."""
    fresh = sys.platform == "win32" and not path.exists()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if fresh:
        close_to_others(path)


def open_to_others(path: Path) -> bool:
    """Whether somebody else may look into the file or directory."""
    if sys.platform != "win32":
        return bool(path.stat().st_mode & 0o077)
    import win32security

    rights = win32security.GetFileSecurity(str(path), win32security.DACL_SECURITY_INFORMATION)
    acl = rights.GetSecurityDescriptorDacl()
    if acl is None:  # none at all means everybody
        return True
    ours = {"S-1-5-18", "S-1-5-32-544", win32security.ConvertSidToStringSid(_user())}
    entries = [acl.GetAce(number) for number in range(acl.GetAceCount())]
    return any(
        kind == win32security.ACCESS_ALLOWED_ACE_TYPE and win32security.ConvertSidToStringSid(sid) not in ours
        for (kind, _flags), _mask, sid in entries
    )


def close_to_others(path: Path) -> None:
    """On Windows; elsewhere what is made here has its rights from the start."""
    if sys.platform != "win32":
        return
    import win32security

    user = win32security.ConvertSidToStringSid(_user())
    wanted = win32security.ConvertStringSecurityDescriptorToSecurityDescriptor(
        _WINDOWS_RIGHTS.format(user=user), win32security.SDDL_REVISION_1
    )
    win32security.SetFileSecurity(str(path), win32security.DACL_SECURITY_INFORMATION, wanted)


def _user() -> Any:
    """The account this process runs as."""
    import win32api
    import win32security

    token = win32security.OpenProcessToken(win32api.GetCurrentProcess(), win32security.TOKEN_QUERY)
    return win32security.GetTokenInformation(token, win32security.TokenUser)[0]


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` in one step: a reader, and a kill at any moment, finds the old or the new content."""
    beside = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make a rename in `path` survive a power cut; Windows has no such call and needs none."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
