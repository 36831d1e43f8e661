"""What many tests share: places, a free port, and on Linux the databases."""

import gc
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples each time: a run that fails says something of the change it was made for. `make fuzz` takes others.
settings.register_profile("the same", derandomize=True)
settings.register_profile("others", derandomize=False, print_blob=True)
settings.load_profile("the same")

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLES = REPOSITORY.parent / "shared" / "samples"
if sys.platform == "win32":
    # The Windows lane runs the agent's tests: it has neither the collector's libraries nor a PostgreSQL server.
    collect_ignore = [
        "bench", "chaos", "collector", "console", "end_to_end",
        "test_architecture.py", "test_docs.py", "test_wheel.py",
    ]  # fmt: skip
else:
    collect_ignore = ["windows"]
    pytest_plugins = ("tests.databases",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if sys.platform == "win32":
        from tests.windows.left_out import why

        for item in items:
            reason = why(item.nodeid)
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=f"left out on Windows: {reason}"))


def pytest_collection_finish() -> None:
    """Seven thousand tests and all that they import stay to the end: the garbage collector need not look at them again
    and again, nor so often at what a test makes and leaves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def _desktop() -> None:
    """wine starts its desktop with the first program that asks for one. A child of a test would hand it its output,
    and the reader of that pipe would wait for an end that does not come: so this process asks first."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.GetDesktopWindow()


@pytest.fixture(scope="session")
def samples() -> Path:
    """Machine data captured by others; it lies beside the checkout and not in it."""
    if not SAMPLES.is_dir():
        pytest.skip("the captured samples are not beside this checkout (../shared/samples)")
    return SAMPLES


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def only_on_linux(reason: str) -> pytest.MarkDecorator:
    """A mark for what the Windows lane leaves out; the reason says what Windows has instead, or why nothing."""
    return pytest.mark.skipif(sys.platform == "win32", reason=reason)
