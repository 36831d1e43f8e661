"""One self-contained page of HTML on standard input becomes a PDF on standard output, in a process of its own.

brief_pdf.py starts it as a file and not as a module, so that it loads neither Flask nor the store, and with no
environment to speak of. What a device said stands in that page: whatever it brings the typesetter to do, this process
fetches nothing, opens no connection, starts nothing, writes no file, and ends when its time or memory is used up.

Ends with 0 and the PDF; with 3 where WeasyPrint or a library it needs is not there; with anything else when it failed.
What it says on standard error holds nothing of the page.
"""

import os
import resource
import sys
from typing import Any, Final

MISSING: Final = 3
_LONGEST: Final = 4 * 2**20  # of the page; a brief has 300 KB at most
_MEMORY_BYTES: Final = 2**30  # a site of 36 devices takes 200 MB
_PROCESSOR_SECONDS: Final = 20
_CLOSED: Final = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
)


def main() -> int:
    for limit, most in (
        (resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CPU, _PROCESSOR_SECONDS),
        (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0),
    ):  # fmt: skip
        resource.setrlimit(limit, (most, most))
    os.nice(5)  # people wait for pages, too
    page = sys.stdin.buffer.read(_LONGEST + 1)
    if len(page) > _LONGEST:
        sys.stderr.write("the page is too long\n")
        return 1
    try:
        import weasyprint  # type: ignore[import-not-found,import-untyped,unused-ignore]
        from weasyprint.urls import URLFetcher  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except (ImportError, OSError) as problem:  # OSError: the package is there, a library of it is not
        sys.stderr.write(f"{type(problem).__name__}: {problem}".splitlines()[0][:200])
        return MISSING
    # Not before: WeasyPrint asks the linker's own program where its libraries are.
    sys.addaudithook(_closed)
    refused = 0

    class Nothing(URLFetcher):  # type: ignore[misc,unused-ignore]
        """Takes what stands in the page itself, and nothing else."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            nonlocal refused
            if not url.startswith("data:"):
                refused += 1
                raise ValueError("not fetched")
            return super().fetch(url, headers)

    fetcher = Nothing(allowed_protocols=("data",), allow_redirects=False)
    made = weasyprint.HTML(string=page.decode(), url_fetcher=fetcher).write_pdf()
    if refused:
        sys.stderr.write(f"refused to fetch {refused}\n")
    sys.stdout.buffer.write(made)
    sys.stdout.buffer.flush()
    return 0


def _closed(event: str, _arguments: object) -> None:
    if event.startswith(_CLOSED):
        raise PermissionError(event)


if __name__ == "__main__":
    sys.exit(main())
