"""The lines that enrol a device and start its agent there, one for each way an office reaches its computers."""

from dataclasses import dataclass
from typing import Final

NO_ADDRESS: Final = "HOST:PORT"
NO_TOKEN: Final = "TOKEN"  # noqa: S105 - the word that stands in its place

_LINUX: Final = "/opt/tocsin/bin/tocsin-agent"
# Intune starts commands in a 32-bit process, where %ProgramFiles% is the folder of 32-bit programs.
_WINDOWS: Final = r'"%ProgramW6432%\Tocsin\tocsin-agent.exe"'
_ENROLLED: Final = r"%ProgramData%\Tocsin\device.json"


@dataclass(frozen=True, slots=True)
class InstallLine:
    name: str  # in the page's addresses
    title: str
    text: str
    where: str  # it goes


def lines(address: str, token: str) -> list[InstallLine]:
    """With words in capitals where address or token are not known. Both come from us and hold nothing that a shell
    acts on."""
    enrol = f"enrol --collector {address or NO_ADDRESS} --token {token or NO_TOKEN}"
    at_once = " && ".join(f"{_WINDOWS} {words}" for words in (enrol, "service install", "service start"))
    return [
        InstallLine(
            "shell",
            "Shell (Linux)",
            " && ".join(f"{_LINUX} {words}" for words in (enrol, "service install", "service start")),
            "Run it as root on the device.",
        ),
        InstallLine(
            "gpo",
            "Group Policy (startup script)",
            "\r\n".join(
                (
                    "@echo off",
                    f'if not exist "{_ENROLLED}" {_WINDOWS} {enrol} || exit /b 1',
                    f"{_WINDOWS} service install || exit /b 1",
                    f"{_WINDOWS} service start",
                )
            ),
            "Save it as a .cmd file under Computer Configuration, Windows Settings, Scripts, Startup. Every computer of the "
            "domain can read such a script: give its token few uses and a short life, and revoke it afterwards.",
        ),
        InstallLine(
            "intune",
            "Intune (Win32 app)",
            f'cmd /c "{at_once}"',
            f"Install command; install behaviour: System. Detection rule: the file {_ENROLLED} exists.",
        ),
        InstallLine(
            "sccm",
            "Configuration Manager (SCCM)",
            f'cmd /c "{at_once}"',
            f"Installation program of the deployment type, installed for the system. Detection method: the file {_ENROLLED} "
            "exists.",
        ),
    ]
