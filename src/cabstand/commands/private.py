"""Files with secrets: mode 0600 from their first byte, and whole or not there at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write(file: Path, content: bytes) -> None:
    """Write the file, replacing one that is there."""
    with _temporary(file, content) as temporary:
        os.replace(temporary, file)


def write_new(file: Path, content: bytes) -> None:
    """Write the file. Raises FileExistsError if it is there already, whoever made it."""
    with _temporary(file, content) as temporary:
        os.link(temporary, file)


@contextmanager
def _temporary(file: Path, content: bytes) -> Iterator[str]:
    """The content in a file beside its place, which is gone again afterwards unless it was moved."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        yield name
    finally:
        Path(name).unlink(missing_ok=True)
