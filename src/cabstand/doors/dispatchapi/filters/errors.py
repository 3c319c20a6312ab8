"""What can be wrong with a filter. LoopBack's texts are in section 6 of the contract."""

from typing import ClassVar

from cabstand.doors.wire import WireError


class BadFilter(WireError):
    """The filter cannot be read."""

    name: ClassVar[str] = "Error"
    code: ClassVar[str | None] = None


class OperatorNotAllowed(BadFilter):
    """Operators that begin with $ are not allowed in query"""

    code = "OPERATOR_NOT_ALLOWED_IN_QUERY"

    def __init__(self, operators: list[str]) -> None:
        super().__init__(f'Operators "{", ".join(operators)}" are not allowed in query')


class QueryTooDeep(BadFilter):
    """The query object exceeds maximum depth 32"""

    code = "QUERY_OBJECT_TOO_DEEP"


class QueryTooExpensive(BadFilter):
    """The query takes too long; narrow it by id, or ask for less."""

    name = "QueryTooExpensive"
    code = "QUERY_TOO_EXPENSIVE"
