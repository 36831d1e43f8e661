"""The command `tocsin-agent`. Each branch imports what it needs: --help answers at once."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.exits import Exit, Stop

if TYPE_CHECKING:
    from agent.config import Loaded, Settings
    from agent.daemon import Agent
    from agent.probe import Place, Probe

_EXITS = "exit status: 0 ok, 1 problem found, 2 usage, 3 configuration, 4 unreachable, 5 credential"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: see agent.exits."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["child"]:  # a probe's own process, not for people
        from agent import child

        return child.main(words[1:])
    options = parser().parse_args(words)
    from agent.config import ConfigError
    from agent.identity import NoCredential

    try:
        return int(_COMMANDS[options.command](options))
    except Stop as stop:
        code, text = stop.code, str(stop)
    except ConfigError as error:
        code, text = Exit.CONFIGURATION, str(error)
    except NoCredential as error:
        code, text = Exit.CREDENTIAL, str(error)
    except PermissionError as error:
        code, text = Exit.PROBLEM, f"{error.filename}: {error.strerror}; run as the agent's user or as root"
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return Exit.OK
    except KeyboardInterrupt:
        return 130
    print(f"tocsin-agent: {text}", file=sys.stderr)
    return int(code)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="tocsin-agent",
        description="Reads this machine's health, patches and inventory and reports them. Changes nothing.",
        epilog=_EXITS,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    _add_common(top, None)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # The same again after the command; SUPPRESS, so that one that is absent there does not undo the first.
    common = argparse.ArgumentParser(add_help=False)
    _add_common(common, argparse.SUPPRESS)
    _add_commands(commands, common)
    return top


def _add_common(parser: argparse.ArgumentParser, default: Any) -> None:
    for flag, letter, text in (
        (
            "--config",
            "FILE",
            r"settings (default: /etc/tocsin/agent.toml, on Windows %%PROGRAMDATA%%\Tocsin\agent.toml)",
        ),
        ("--state-dir", "DIR", "where credential and spool are kept"),
        ("--root", "DIR", "read /proc, /sys, /etc, /var and /run below DIR"),
        ("--log-level", "LEVEL", "debug, info, warning or error"),
    ):
        parser.add_argument(flag, metavar=letter, default=default, help=text)


def _add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    def add(name: str, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(name, help=text, parents=[common])
        return made

    enrol = add("enrol", "make this device known to a collector")
    enrol.add_argument("--collector", metavar="HOST:PORT", help="its enrolment port")
    enrol.add_argument(
        "--token", metavar="T", required=True, help="the enrolment token; - reads it from input"
    )
    enrol.add_argument("--ca-fingerprint", metavar="F", help="SHA-256 of the CA certificate, told otherwise")
    enrol.add_argument("--ca-file", metavar="FILE", type=Path, help="the CA certificate, brought otherwise")
    enrol.add_argument("--again", action="store_true", help="replace the credential this machine has")
    add("renew", "replace the certificate now; the running agent does it by itself")
    add("run", "run until stopped: sample, spool and send")
    once = add("once", "read everything once and print it; sends nothing")
    once.add_argument("--json", action="store_true", help="as protobuf JSON")
    once.add_argument("--probe", action="append", metavar="P", help="only this probe; may be repeated")
    for name, text in (
        ("probes", "list what is read, and how often"),
        ("doctor", "look for what keeps this device from being heard"),
        ("status", "what the running agent is doing"),
    ):
        add(name, text).add_argument("--json", action="store_true")
    service = add("service", "the agent as a service of the system")
    service.add_argument("action", choices=["install", "start", "stop", "remove", "status", "run"])
    service.add_argument(
        "--start",
        choices=["auto", "manual"],
        default="auto",
        help="install: started with the system or by hand",
    )
    service.add_argument("--json", action="store_true")
    config = add("config", "settings and where each came from")
    config.add_argument("action", choices=["show"])
    config.add_argument("--json", action="store_true")


class _Version(argparse.Action):
    def __call__(self, *_: object) -> None:
        from agent.header import build, version

        print(f"tocsin-agent {version()} ({build()})")
        raise SystemExit(0)


def _load(options: argparse.Namespace) -> "Loaded":
    from agent import config

    if options.config:
        os.environ["TOCSIN_CONFIG"] = options.config  # for `renew`, which the running agent starts
    flags = {name: getattr(options, name) for name in ("state_dir", "root", "log_level")}
    return config.load(Path(options.config) if options.config else None, os.environ, flags)


def _probes() -> "tuple[Probe, ...]":
    from agent.once import probes_of_this_system
    from agent.probes.table import PROBES

    return probes_of_this_system(PROBES)


def _place(loaded: "Loaded") -> "Place":
    from agent import room
    from agent.probe import Place

    settings = loaded.settings
    return Place(
        root=settings.root, extra_filesystems=settings.extra_filesystems, room=room.read(settings.room_file)
    )


def _enrol(options: argparse.Namespace) -> int:
    loaded = _load(options)
    _quiet_grpc()
    from agent import enrol

    where = options.collector or loaded.settings.collector
    if not where:
        raise Stop(Exit.USAGE, "where is the collector? --collector HOST:PORT")
    # As an argument it is seen by every user of the machine while the command runs.
    token = options.token if options.token != "-" else sys.stdin.readline().strip()  # noqa: S105 (a dash)
    device = enrol.enrol(
        enrol.parse_address(where), token, place=_place(loaded), state_dir=loaded.settings.state_dir,
        fingerprint=options.ca_fingerprint, ca_file=options.ca_file, again=options.again,
    )  # fmt: skip
    print(f"enrolled as {device.device_id}, certificate valid until {device.not_after:%Y-%m-%d}")
    print(f"credential in {loaded.settings.state_dir}; start the agent: tocsin-agent run")
    return Exit.OK


def _renew(options: argparse.Namespace) -> int:
    loaded = _load(options)
    _quiet_grpc()
    from agent import enrol

    host = loaded.settings.collector.rpartition(":")[0]
    device = enrol.renew(loaded.settings.state_dir, host=host)
    print(f"certificate of {device.device_id} renewed, valid until {device.not_after:%Y-%m-%d}")
    return Exit.OK


def _run(options: argparse.Namespace) -> int:
    loaded = _load(options)
    settings = loaded.settings
    _quiet_grpc()
    from agent import daemon, log

    log.start(settings.log_level, settings.log_format)
    agent, release = _agent(settings)
    daemon.stop_on_signals(agent)
    agent.run()
    release()
    return Exit.OK


def _agent(settings: "Settings") -> "tuple[Agent, Callable[[], None]]":
    """The agent, alone on its state directory, and what lets go of that."""
    from agent import daemon, identity, lock

    identity.read_credential(settings.state_dir, identity.load(settings.state_dir))
    try:
        held = lock.Lock(settings.state_dir)
    except lock.Held as error:
        raise Stop(Exit.PROBLEM, str(error)) from None
    return daemon.Agent(settings, _probes()), held.release


def _service(options: argparse.Namespace) -> int:
    loaded = _load(options)
    if options.action == "run":
        return _serve(loaded.settings)
    if sys.platform == "win32":
        from agent import service_windows as service
    else:
        from agent import service_linux as service
    if options.action == "status":
        told = service.status()
        if options.json:
            print(json.dumps(told, indent=1))
        else:
            for name, value in told.items():
                print(f"{name.replace('_', ' '):<12} {value}")
        return Exit.OK if told["running"] else Exit.PROBLEM
    if options.action == "install":
        print(service.install(_given(options), options.start))
    else:
        print({"start": service.start, "stop": service.stop, "remove": service.remove}[options.action]())
    return Exit.OK


def _given(options: argparse.Namespace) -> list[str]:
    """The flags that were given, for the service to be started with the same."""
    words: list[str] = []
    for name in ("config", "state_dir", "root", "log_level"):
        value = getattr(options, name)
        if value is not None:
            words += [
                "--" + name.replace("_", "-"),
                value if name == "log_level" else str(Path(value).absolute()),
            ]
    return words


def _serve(settings: "Settings") -> int:
    """Started by the service manager of Windows, not by people."""
    if sys.platform != "win32":
        raise Stop(Exit.USAGE, "systemd starts 'tocsin-agent run'")
    _quiet_grpc()
    from agent import log, service_windows

    if settings.state_dir.is_dir():
        log.start(settings.log_level, settings.log_format, settings.state_dir / "agent.log")

    def make() -> "tuple[Agent, Callable[[], None]]":
        from agent.identity import NoCredential

        try:
            return _agent(settings)
        except NoCredential as error:
            raise Stop(Exit.CREDENTIAL, str(error)) from None

    service_windows.run(make)
    return Exit.OK


def _quiet_grpc() -> None:
    # Its own words go to standard error past our format; what matters comes back as an error of the call.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def _once(options: argparse.Namespace) -> int:
    loaded = _load(options)
    from agent import log
    from agent.once import has_problem, once, table

    log.start(options.log_level or "warning", loaded.settings.log_format)
    probes = _probes()
    if options.probe:
        unknown = set(options.probe) - {probe.name for probe in probes}
        if unknown:
            known = ", ".join(probe.name for probe in probes)
            raise Stop(Exit.USAGE, f"there is no probe {', '.join(sorted(unknown))}; known are {known}")
        probes = tuple(probe for probe in probes if probe.name in options.probe)
    report = once(probes, _place(loaded))
    if options.json:
        from google.protobuf.json_format import MessageToJson

        # Keys a script asks for are there even when empty: a reading of the whole device has component "".
        text = MessageToJson(
            report,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
            ensure_ascii=False,
        )
        print(text)
    else:
        print(table(report))
    return Exit.PROBLEM if has_problem(report) else Exit.OK


def _list_probes(options: argparse.Namespace) -> int:
    rows = [
        {"probe": p.name, "pace": p.pace.value, "limit_seconds": p.limit_seconds, "child": p.child}
        for p in _probes()
    ]
    if options.json:
        print(json.dumps({"probes": rows}, indent=1))
        return Exit.OK
    for row in rows:
        apart = ", in a process of its own" if row["child"] else ""
        print(f"{row['probe']:<18} {row['pace']:<10} at most {row['limit_seconds']:g} s{apart}")
    return Exit.OK


def _doctor(options: argparse.Namespace) -> int:
    from agent import doctor
    from agent.clock import SYSTEM

    found = doctor.examine(_load(options).settings, SYSTEM.now())
    if options.json:
        print(json.dumps(doctor.as_json(found), indent=1))
    else:
        for one in found:
            print(f"{one.verdict:<8} {one.check:<16} {one.text}")
    return doctor.exit_code(found)


def _status(options: argparse.Namespace) -> int:
    from agent import status

    told = status.read(_load(options).settings.state_dir)
    if options.json:
        print(json.dumps(told, indent=1))
    else:
        for name, value in told.items():
            print(f"{name.replace('_', ' '):<24} {'' if value is None else value}".rstrip())
    healthy = told["running"] and told["connected"] and not told.get("barred")
    return Exit.OK if healthy and told.get("standing") != "clone" else Exit.PROBLEM


def _config(options: argparse.Namespace) -> int:
    loaded = _load(options)
    rows = {name: (getattr(loaded.settings, name), source) for name, source in loaded.sources.items()}
    if options.json:
        told = {name: {"value": _plain(value), "source": source} for name, (value, source) in rows.items()}
        print(json.dumps(told, indent=1))
        return Exit.OK
    for name, (value, source) in rows.items():
        shown = "" if value is None else _plain(value)
        print(f"{name:<24} {shown!s:<32} {source}")
    return Exit.OK


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "enrol": _enrol,
    "renew": _renew,
    "run": _run,
    "once": _once,
    "probes": _list_probes,
    "doctor": _doctor,
    "status": _status,
    "service": _service,
    "config": _config,
}

if __name__ == "__main__":
    sys.exit(main())
