"""A Windows job around this process: limits, and an end for everything it started when it ends itself.

The job's only handle belongs to the process inside it. However that one goes (by itself, by a crash, ended by
the runner), the system closes the handle and ends whatever it left behind.
"""

from typing import Final

_NO_DIALOGS: Final = 0x8003  # no box that waits for somebody to click: critical errors, faults, missing files


def enter(memory_bytes: int) -> None:
    """Raises OSError or pywintypes.error where the system does not allow it."""
    import ctypes

    import win32api
    import win32job
    import win32process

    ctypes.windll.kernel32.SetErrorMode(_NO_DIALOGS)  # type: ignore[attr-defined,unused-ignore]
    job = win32job.CreateJobObject(None, "")
    limits = win32job.QueryInformationJobObject(job, win32job.JobObjectExtendedLimitInformation)
    limits["BasicLimitInformation"]["LimitFlags"] = (
        win32job.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
        | win32job.JOB_OBJECT_LIMIT_JOB_MEMORY
        | win32job.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION
    )
    limits["JobMemoryLimit"] = memory_bytes
    win32job.SetInformationJobObject(job, win32job.JobObjectExtendedLimitInformation, limits)
    win32job.AssignProcessToJobObject(job, win32api.GetCurrentProcess())
    job.Detach()  # not to be closed by Python at its end, which would end us before our exit status is set
    win32process.SetPriorityClass(win32api.GetCurrentProcess(), win32process.BELOW_NORMAL_PRIORITY_CLASS)
