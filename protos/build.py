"""Regenerate the `*_pb2` files: `python -m protos.build [DIRECTORY]`.

Compiled from the repository root with `-I .`: the include root is then the root of Python's imports, and
the generated `from protos import …` is right without patching.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ("protos/report.proto", "protos/intake.proto", "protos/enrolment.proto")


def build(into: Path) -> None:
    """Write the generated modules below `into`, as `into/protos/*_pb2*`."""
    from grpc_tools import _proto, protoc

    well_known = Path(_proto.__file__ or next(iter(_proto.__path__))).parent
    if not (well_known / "google").is_dir():
        well_known = Path(next(iter(_proto.__path__)))
    code = protoc.main(
        ["protoc", f"-I{ROOT}", f"-I{well_known}", f"--python_out={into}", f"--pyi_out={into}",
         f"--grpc_python_out={into}", *(str(ROOT / name) for name in PROTOS)]
    )  # fmt: skip
    if code != 0:
        raise SystemExit(code)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
