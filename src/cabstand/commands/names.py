"""The operator's own names for the wire of partner fleets, read from the file that the settings name."""

from pathlib import Path

from cabstand.commands.errors import UserError
from cabstand.doors.gett.names import PUBLISHED, Names, NamesError, read
from cabstand.settings import Settings


def gett_names(settings: Settings) -> Names:
    """The names in use. Raises UserError with all that is wrong with the file."""
    if settings.gett_names is None:
        return PUBLISHED
    file = Path(settings.gett_names)
    try:
        return read(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{file} is not UTF-8 text") from None
    except NamesError as error:
        raise UserError("\n".join(f"{file}: {problem}" for problem in error.problems)) from None
