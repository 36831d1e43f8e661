"""The Windows service TocsinAgent: installed, started, stopped, removed, and what the service manager starts.

It runs as LocalSystem: disk health, update state and the security state are shown to nobody less.
Everything of pywin32 is imported where it is used, so that this module can be looked at anywhere.
"""

import contextlib
import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from agent.exits import Exit, Stop
from agent.identity import own_command
from protos.intake_pb2 import SHUTTING_DOWN, STOPPING

log = logging.getLogger(__name__)

NAME: Final = "TocsinAgent"
_TITLE: Final = "Tocsin agent"
_DESCRIPTION: Final = "Reads this computer's health, updates and inventory and reports them. Changes nothing."
# After the first, second and every further crash; a day without one begins anew. A stop with an exit status
# (not enrolled, a wrong setting) is no crash: starting again would not help.
_RESTARTS: Final = (10_000, 60_000, 300_000)  # milliseconds
_FORGET_CRASHES_SECONDS: Final = 86400
_WAIT_SECONDS: Final = 30.0

_NOT_THERE, _RUNS_ALREADY, _RUNS_NOT, _DENIED, _BEING_REMOVED, _NO_SUCH_LEVEL = 1060, 1056, 1062, 5, 1072, 124
_NEVER_STARTED: Final = 1077
_OWN_EXIT: Final = 1066  # "look at the service's own exit code"
_SUSPEND: Final = 4  # PBT_APMSUSPEND
_STATES: Final = {1: "stopped", 2: "starting", 3: "stopping", 4: "running", 7: "paused"}

Start = Literal["auto", "manual"]


def install(arguments: list[str], start: Start) -> str:
    """Make the service, or give the one that is there the new command and start type."""
    import win32service

    command = subprocess.list2cmdline(own_command(*arguments, "service", "run"))
    kind = win32service.SERVICE_AUTO_START if start == "auto" else win32service.SERVICE_DEMAND_START
    with _manager() as manager:
        service = _open(manager)
        known = service is not None
        if service is None:
            service = win32service.CreateService(
                manager, NAME, _TITLE, win32service.SERVICE_ALL_ACCESS, win32service.SERVICE_WIN32_OWN_PROCESS,
                kind, win32service.SERVICE_ERROR_NORMAL, command, None, False, None, None, None,
            )  # fmt: skip
        else:
            win32service.ChangeServiceConfig(
                service, win32service.SERVICE_NO_CHANGE, kind, win32service.SERVICE_NO_CHANGE, command,
                None, False, None, None, None, None,
            )  # fmt: skip
        lost = _describe(service, delayed=start == "auto")
    done = f"{NAME} is {'installed anew' if known else 'installed'}, start {start}"
    return "; ".join([done, *lost])


def _describe(service: Any, *, delayed: bool) -> list[str]:
    """What CreateService cannot say; what this system does not know of it (wine) is told."""
    import pywintypes
    import win32service

    actions = [(win32service.SC_ACTION_RESTART, delay) for delay in _RESTARTS]
    wanted = (
        ("description", win32service.SERVICE_CONFIG_DESCRIPTION, _DESCRIPTION),
        # After the services a person waits for at sign-in.
        ("delayed start", win32service.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, delayed),
        (
            "restart after a crash",
            win32service.SERVICE_CONFIG_FAILURE_ACTIONS,
            {"ResetPeriod": _FORGET_CRASHES_SECONDS, "RebootMsg": "", "Command": "", "Actions": actions},
        ),
    )
    lost = []
    for words, level, value in wanted:
        try:
            win32service.ChangeServiceConfig2(service, level, value)
        except pywintypes.error as error:
            if error.winerror != _NO_SUCH_LEVEL:
                raise
            lost.append(f"{words}: this system does not know it")
    return lost


def start() -> str:
    import pywintypes
    import win32service

    with _manager() as manager:
        service = _must_open(manager)
        try:
            win32service.StartService(service, None)
        except pywintypes.error as error:
            if error.winerror != _RUNS_ALREADY:
                raise
            return f"{NAME} is running already"
        found = _wait(service, leaving=win32service.SERVICE_START_PENDING)
    if found["state"] != "running":
        raise Stop(Exit.PROBLEM, f"{NAME} is {found['state']}{_why(found)}; its log says more: agent.log")
    return f"{NAME} is running"


def stop() -> str:
    import pywintypes
    import win32service

    with _manager() as manager:
        service = _must_open(manager)
        try:
            win32service.ControlService(service, win32service.SERVICE_CONTROL_STOP)
        except pywintypes.error as error:
            if error.winerror != _RUNS_NOT:
                raise
            return f"{NAME} is stopped already"
        found = _wait(service, leaving=win32service.SERVICE_STOP_PENDING)
    if found["state"] != "stopped":
        raise Stop(Exit.PROBLEM, f"{NAME} is {found['state']} after {_WAIT_SECONDS:.0f} s")
    return f"{NAME} is stopped"


def remove() -> str:
    import win32service

    with _manager() as manager:
        service = _open(manager)
        if service is None:
            return f"{NAME} is not installed"
        if win32service.QueryServiceStatus(service)[1] != win32service.SERVICE_STOPPED:
            stop()
        win32service.DeleteService(service)
    return f"{NAME} is removed; credential and spool are kept"


def status() -> dict[str, Any]:
    import win32service

    with _manager(win32service.SC_MANAGER_CONNECT) as manager:
        service = _open(manager, win32service.SERVICE_QUERY_STATUS | win32service.SERVICE_QUERY_CONFIG)
        if service is None:
            return {"installed": False, "running": False, "state": "not installed"}
        config = win32service.QueryServiceConfig(service)
        found = _state(service)
    starts = {win32service.SERVICE_AUTO_START: "auto", win32service.SERVICE_DEMAND_START: "manual"}
    return {
        "installed": True,
        "running": found["state"] == "running",
        **found,
        "start": starts.get(config[1], "disabled"),
        "command": config[3],
        "account": config[7],
    }


def _why(found: dict[str, Any]) -> str:
    return f" with {found['exit_status']}" if found["exit_status"] else ""


def _state(service: Any) -> dict[str, Any]:
    import win32service

    told = win32service.QueryServiceStatus(service)
    code = told[4] if told[3] == _OWN_EXIT else told[3]
    if code == _NEVER_STARTED:
        code = 0
    return {"state": _STATES.get(told[1], f"state {told[1]}"), "exit_status": int(code)}


def _wait(service: Any, *, leaving: int) -> dict[str, Any]:
    """Until the service left the state of change, at most half a minute."""
    import win32service

    end = time.monotonic() + _WAIT_SECONDS
    while win32service.QueryServiceStatus(service)[1] == leaving and time.monotonic() < end:
        time.sleep(0.1)
    return _state(service)


@contextlib.contextmanager
def _manager(access: int | None = None) -> Iterator[Any]:
    """The service manager; its errors come out as words for a person."""
    import pywintypes
    import win32service

    try:
        manager = win32service.OpenSCManager(
            None, None, win32service.SC_MANAGER_ALL_ACCESS if access is None else access
        )
        try:
            yield manager
        finally:
            win32service.CloseServiceHandle(manager)
    except pywintypes.error as error:
        if error.winerror == _DENIED:
            raise Stop(Exit.PROBLEM, "only an administrator may do this") from None
        if error.winerror == _BEING_REMOVED:
            raise Stop(
                Exit.PROBLEM, f"{NAME} is being removed: close the Services window and try again"
            ) from None
        raise Stop(Exit.PROBLEM, f"{error.funcname}: {error.strerror} ({error.winerror})") from None


def _open(manager: Any, access: int | None = None) -> Any:
    import pywintypes
    import win32service

    try:
        return win32service.OpenService(
            manager, NAME, win32service.SERVICE_ALL_ACCESS if access is None else access
        )
    except pywintypes.error as error:
        if error.winerror == _NOT_THERE:
            return None
        raise


def _must_open(manager: Any) -> Any:
    service = _open(manager)
    if service is None:
        raise Stop(Exit.PROBLEM, f"{NAME} is not installed: tocsin-agent service install")
    return service


def run(make: Callable[[], tuple[Any, Callable[[], None]]]) -> None:
    """Serve the service manager until it says stop. `make` brings the agent and what is to be done after it."""
    import servicemanager

    servicemanager.Initialize(NAME, None)
    servicemanager.PrepareToHostSingle(lambda arguments: _Service(arguments, make))
    servicemanager.StartServiceCtrlDispatcher()


class _Service:
    """What servicemanager makes and runs, in a thread of its own; controls come in another."""

    def __init__(self, arguments: Any, make: Callable[[], tuple[Any, Callable[[], None]]]) -> None:
        import servicemanager

        self._make, self._steps = make, 0
        self._agent: Any = None
        self._handle = servicemanager.RegisterServiceCtrlHandler(arguments[0], self._control, True)

    def SvcRun(self) -> None:  # servicemanager calls it so
        import win32service

        self._tell(win32service.SERVICE_START_PENDING)
        code = Exit.OK
        try:
            self._agent, after = self._make()
            self._tell(win32service.SERVICE_RUNNING)
            self._agent.run()
            after()
        except Stop as error:
            log.error("%s", error)
            code = error.code
        except Exception:
            log.exception("the service ends")
            os._exit(Exit.PROBLEM)  # without a word to the service manager, which therefore starts it again
        self._tell(win32service.SERVICE_STOPPED, code)
        if code:
            logging.shutdown()
            os._exit(code)  # servicemanager would say "stopped" once more, and without the code

    def _tell(self, state: int, code: int = 0) -> None:
        import win32service

        settled = state in (win32service.SERVICE_RUNNING, win32service.SERVICE_STOPPED)
        self._steps = 0 if settled else self._steps + 1
        accepted = (
            win32service.SERVICE_ACCEPT_STOP
            | win32service.SERVICE_ACCEPT_PRESHUTDOWN
            | win32service.SERVICE_ACCEPT_SHUTDOWN
            | win32service.SERVICE_ACCEPT_POWEREVENT
        )
        win32service.SetServiceStatus(
            self._handle,
            (
                win32service.SERVICE_WIN32_OWN_PROCESS,
                state,
                accepted if state == win32service.SERVICE_RUNNING else 0,
                _OWN_EXIT if code else 0,
                int(code),
                self._steps,
                0 if settled else 10_000,
            ),
        )

    def _control(self, control: int, event: int, data: object) -> int | None:
        import win32service

        del data
        if self._agent is None:
            return None
        if control == win32service.SERVICE_CONTROL_STOP:
            self._tell(win32service.SERVICE_STOP_PENDING)
            self._agent.stop(STOPPING)
        elif control in (win32service.SERVICE_CONTROL_PRESHUTDOWN, win32service.SERVICE_CONTROL_SHUTDOWN):
            self._tell(win32service.SERVICE_STOP_PENDING)
            self._agent.stop(SHUTTING_DOWN)
        elif control == win32service.SERVICE_CONTROL_POWEREVENT and event == _SUSPEND:
            self._agent.suspend()
        elif control == win32service.SERVICE_CONTROL_INTERROGATE:
            self._tell(win32service.SERVICE_RUNNING)
        return None
