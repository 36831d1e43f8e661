"""This machine. Each part is loaded when it is first asked: the resident agent pays only for what it uses."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from agent.probe import Place
from agent.windows import Event, Installation, Row, Searched, Sound, Sources, Value


def sources(place: Place) -> Sources:
    """Whom to ask: this machine, unless the place brings its own. Another system answers Unavailable."""
    return Live() if place.windows is None else place.windows


class Live:
    """Sources, answered by the system itself."""

    def rows(self, namespace: str, class_name: str, where: str = "") -> list[Row]:
        from agent.windows import wmi

        return wmi.query(namespace, class_name, where)

    def call(self, namespace: str, path: str, method: str) -> Row:
        from agent.windows import wmi

        return wmi.execute(namespace, path, method)

    def values(self, path: str, view: int = 64) -> dict[str, Value] | None:
        from agent.windows import registry

        return registry.values(path, view)

    def subkeys(self, path: str, view: int = 64) -> list[str] | None:
        from agent.windows import registry

        return registry.subkeys(path, view)

    def written_at(self, path: str, view: int = 64) -> datetime | None:
        from agent.windows import registry

        return registry.written_at(path, view)

    def volumes(self) -> list[Row]:
        from agent.windows import volumes

        return volumes.volumes()

    def devices(self, bus: str) -> list[Row]:
        from agent.windows import device_tree

        return device_tree.present(bus)

    def sound(self) -> Sound:
        from agent.windows import sound

        return sound.ask()

    def firmware_table(self) -> bytes:
        from agent.windows import firmware

        return firmware.table()

    def events(
        self, log: str, wanted: Mapping[str, Sequence[int]], since: datetime, names: Sequence[str] = ()
    ) -> Iterable[Event]:
        from agent.windows import event_log

        return event_log.events(log, wanted, since, names)

    def search_updates(self, criteria: str) -> Searched:
        from agent.windows import update_agent

        return update_agent.search(criteria)

    def update_history(self, most: int) -> list[Installation]:
        from agent.windows import update_agent

        return update_agent.history(most)

    def update_last_search(self) -> datetime | None:
        from agent.windows import update_agent

        return update_agent.last_search()

    def update_needs_restart(self) -> bool:
        from agent.windows import update_agent

        return update_agent.needs_restart()
