"""What the running agent says about itself, in status.json; and reading it from outside."""

import json
import sqlite3
import threading
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from agent import lock
from agent.files import write_whole
from agent.spool_file import NAME as SPOOL
from agent.spool_file import connect, load_state

_NAME: Final = "status.json"

COPY: Final = "this is a copy of another device's state: enrol this machine anew (tocsin-agent enrol --again)"
BARRED: Final = {
    "revoked": "the collector has revoked this device's certificate",
    "unknown-certificate": "the collector does not know this device's certificate",
    "clone": COPY,
    "not said": "the collector refused this device's certificate",
}


@dataclass(slots=True)
class Status:
    """What the link and the agent last saw. Times as ISO text, empty: never."""

    pid: int = 0
    version: str = ""
    device_id: str = ""
    started_at: str = ""
    written_at: str = ""
    connected: bool = False
    standing: str = "unknown"  # of the spool: current, on_probation, clone
    barred: str = ""  # why the collector refuses this device
    last_ack_at: str = ""
    last_report_at: str = ""
    last_error: str = ""
    last_error_at: str = ""
    certificate_not_after: str = ""
    spool_id: str = ""


@dataclass(slots=True)
class Board:
    """The status shared by the agent's threads."""

    status: Status = field(default_factory=Status)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _written: str = ""

    def note(self, **values: Any) -> None:
        with self._lock:
            for name, value in values.items():
                setattr(self.status, name, value)

    def error(self, text: str, now: datetime) -> None:
        self.note(last_error=text, last_error_at=_iso(now))

    def write(self, state_dir: Path, now: datetime) -> None:
        """Replace status.json. Raises OSError."""
        with self._lock:
            self.status.written_at = _iso(now)
            text = json.dumps(asdict(self.status), indent=1)
        write_whole(state_dir / _NAME, text.encode() + b"\n")

    def sentence(self) -> str:
        """One line for a service manager."""
        with self._lock:
            status = self.status
            if status.barred:
                return status.barred
            if status.standing == "clone":
                return COPY
            if status.connected:
                return f"connected, last ack {status.last_ack_at or 'never'}"
            return f"not connected: {status.last_error or 'starting'}"


def _iso(now: datetime) -> str:
    return now.isoformat(timespec="seconds")


def read(state_dir: Path) -> dict[str, Any]:
    """status.json with what can be seen from outside: whether the agent runs, and what waits in the spool."""
    told: dict[str, Any] = {"running": lock.is_held(state_dir), "state_dir": str(state_dir)}
    try:
        told.update(json.loads((state_dir / _NAME).read_bytes()))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        told["status_error"] = f"{_NAME}: {error}"
    told["connected"] = bool(told.get("connected")) and told["running"] is not False
    told.update(_spool(state_dir))
    return told


def _spool(state_dir: Path) -> dict[str, Any]:
    path = state_dir / SPOOL
    if not path.exists():
        return {"spool_unsent": 0, "spool_bytes": 0}
    try:
        db = connect(path, read_only=True)
        try:
            state = load_state(db)
            unsent = db.execute(
                "SELECT count(*), min(collected_at) FROM report WHERE acked_at IS NULL AND quarantined IS NULL"
            ).fetchone()
        finally:
            db.close()
    except (sqlite3.Error, ValueError) as error:
        return {"spool_error": str(error)}
    return {
        "spool_id": state.spool_id,
        "spool_bytes": path.stat().st_size,
        "spool_unsent": int(unsent[0]),
        "spool_oldest_unsent_at": unsent[1] or "",
        "spool_evicted": state.evicted,
        "spool_quarantined": state.quarantined,
    }
