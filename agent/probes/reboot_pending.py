"""Whether a restart is needed to finish an update, and why.

Source: Linux /run/reboot-required and its list of packages; the running kernel against the newest installed one of its flavour (dpkg's database, /usr/lib/modules of rpm and pacman); `needrestart -b -k`, `dnf -C needs-restarting`, `zypper needs-rebooting`, `rpm-ostree status` where they are there, believed by their words only. Services on old libraries are a weak reason (needrestart 3.8 and newer: older ones could be led to run other people's programs). Windows the registry (CBS RebootPending, Windows Update RebootRequired, Netlogon JoinDomain and AvoidSpnSet, computer name, pending file renames), the Windows Update Agent, and the Configuration Manager client where there is one. Whether a restart was made since: the dates of those keys, and of the kernel's package, against the start of the system.
Rights: none.
Cost: 50 ms, most of it reading the package database; 1 s where dnf or needrestart is asked.
Unavailable: none of the sources applies, as in a container without the file.
"""

from agent.probe import Place, Taken
from agent.probes import reboot_pending_linux, reboot_pending_windows


def read(place: Place) -> Taken:
    if place.is_windows:
        return reboot_pending_windows.read(place)
    return reboot_pending_linux.read(place)
