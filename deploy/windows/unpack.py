"""unpack.py WHEELS DEST: the lane's Windows runtime and packages out of their wheels, and python3.def.

The runtime (python311.dll, its extension modules, OpenSSL, vcruntime) lies in panda3d's wheel. python3.dll, which
wheels for the stable ABI link to, is not in it: python3.def is what the linker makes one from.
"""

import shutil
import struct
import sys
import zipfile
from pathlib import Path

# wine has its own C runtime; tkinter and tests are not used; _wmi makes wine 8 abort.
_LEFT_OUT = ("api-ms-", "tcl86", "tk86", "_tkinter", "zlib", "winsound", "_test", "_ctypes_test", "_wmi")


def runtime(wheel: Path, dest: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            folder, _, base = name.rpartition("/")
            small = base.lower()
            wanted = small.endswith((".dll", ".pyd")) and not small.startswith(_LEFT_OUT)
            if folder != "deploy_libs" or not wanted or "t-win_amd64" in small:
                continue
            beside_python = small.startswith(("python3", "vcruntime"))
            path = dest / small if beside_python else dest / "DLLs" / base
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(name))


def packages(wheels: Path, dest: Path) -> None:
    site = dest / "Lib" / "site-packages"
    for wheel in sorted(wheels.glob("*.whl")):
        if not wheel.name.startswith("panda3d-"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
    for library in site.glob("pywin32_system32/*.dll"):  # what pywin32 does after its installation
        shutil.copy(library, dest)


def exports(library: bytes) -> list[str]:
    """Names a 64-bit DLL exports."""
    header = struct.unpack_from("<I", library, 0x3C)[0]
    optional = header + 24
    sections = optional + struct.unpack_from("<H", library, header + 20)[0]
    count = struct.unpack_from("<H", library, header + 6)[0]
    table = [struct.unpack_from("<8sIIII", library, sections + 40 * i) for i in range(count)]

    def at(address: int) -> int:
        return next(
            address - virtual + raw
            for _, size, virtual, raw_size, raw in table
            if virtual <= address < virtual + max(size, raw_size)
        )

    directory = at(struct.unpack_from("<I", library, optional + 112)[0])
    many, names = (
        struct.unpack_from("<I", library, directory + 24)[0],
        at(struct.unpack_from("<I", library, directory + 32)[0]),
    )
    starts = [at(struct.unpack_from("<I", library, names + 4 * i)[0]) for i in range(many)]
    return [library[start : library.index(b"\0", start)].decode() for start in starts]


def main() -> None:
    wheels, dest = Path(sys.argv[1]), Path(sys.argv[2])
    (wheel,) = wheels.glob("panda3d-*.whl")
    runtime(wheel, dest)
    packages(wheels, dest)
    (library,) = dest.glob("python3?*.dll")
    names = [name for name in exports(library.read_bytes()) if name.startswith(("Py", "_Py"))]
    lines = "".join(f"  {name} = {library.stem}.{name}\n" for name in names)
    (wheels.parent / "python3.def").write_text(f"LIBRARY python3.dll\nEXPORTS\n{lines}")


if __name__ == "__main__":
    main()
