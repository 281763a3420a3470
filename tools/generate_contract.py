"""Generates the Python code of the contract from the protos, or checks it.

Usage: python tools/generate_contract.py [--check]

The generated code lies in clients/python/cotton/ and is committed, so that an
installation needs no compiler; it is never edited. `--check` generates into a
temporary directory and fails when the committed code differs.
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
GENERATED = ROOT / "clients" / "python"
PACKAGE = Path("cotton") / "inspection" / "v1"


def google_protos() -> Path:
    """The directory that holds google/rpc/*.proto of googleapis-common-protos."""
    status = resources.files("google.rpc") / "status.proto"
    return Path(str(status)).parent.parent.parent


def lay_out_google_protos() -> None:
    """Copies the imported google/rpc protos to where buf.yaml looks for them."""
    target = ROOT / ".build" / "googleapis" / "google" / "rpc"
    target.mkdir(parents=True, exist_ok=True)
    for name in ("status.proto", "error_details.proto"):
        shutil.copyfile(google_protos() / "google" / "rpc" / name, target / name)


def generate(target: Path) -> None:
    """Writes *_pb2.py, *_pb2_grpc.py and their stubs below target."""
    protos = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    well_known = Path(str(resources.files("grpc_tools"))) / "_proto"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"-I{PROTO}",
            f"-I{google_protos()}",
            f"-I{well_known}",
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_out=quiet:{target}",
            f"--mypy_grpc_out=quiet:{target}",
            *protos,
        ],
        check=True,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
    )
    package = target / PACKAGE
    package.mkdir(parents=True, exist_ok=True)
    (package / "py.typed").touch()


def check() -> int:
    """Exit status 0 when the committed code is what the protos generate."""
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        generate(fresh)
        new = {path.name for path in (fresh / PACKAGE).iterdir() if path.is_file()}
        old = {path.name for path in (GENERATED / PACKAGE).iterdir() if path.is_file()}
        _, differing, missing = filecmp.cmpfiles(
            fresh / PACKAGE, GENERATED / PACKAGE, sorted(new | old), shallow=False
        )
    if differing or missing:
        print("The generated code does not match the protos; run `make contract`:")
        print("\n".join(sorted([*differing, *missing])))
        return 1
    print(f"{len(new)} generated files match the protos.")
    return 0


def main() -> int:
    """Generates, or checks with --check."""
    lay_out_google_protos()
    if sys.argv[1:] == ["--check"]:
        return check()
    generate(GENERATED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
