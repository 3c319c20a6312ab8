"""The rules of the code that a parser can check: who imports whom, what stands where, how large it may be."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "cabstand"
OURS = sorted(SRC.rglob("*.py"))
EVERY = [*OURS, *(path for part in ("tests", "benchmarks") for path in sorted((ROOT / part).rglob("*.py")))]

INSIDE = {"core", "infra", "doors", "console", "sim"}
MAY_IMPORT = {  # area -> areas of ours it may import; app, cli* and commands may import everything
    "__init__": set[str](),
    "core": {"core"},
    "infra": {"core", "infra"},
    "doors": {"core", "doors"},
    "console": {"core", "doors", "console"},
    "sim": {"sim"},  # it knows the exchange only from outside, through the doors
    "settings": {"core"},
    "docs": {"core", "doors"},
}
CORE_THIRD_PARTY = {"argon2", "asyncpg", "babel", "cryptography", "msgspec", "numpy", "phonenumbers", "scipy"}
ROLES = {  # file name -> words that no import of it may have as a part of its path
    "model": {"store", "service", "infra", "doors"},
    "vocab": {"store", "service", "views", "routes", "asyncpg", "aiohttp", "starlette"},
    "wire": {"store", "service", "routes", "asyncpg", "aiohttp"},
    "hooks": {"store", "service", "routes", "asyncpg", "aiohttp", "starlette"},
    "service": {"aiohttp", "starlette"},
    "store": {"aiohttp", "starlette"},
}
EVERY_DOOR_HAS = {"__init__", "vocab", "wire", "routes", "errors", "auth"}
ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.getenvb"}
HANDS_ON_THE_ENVIRONMENT = SRC / "infra" / "postgres" / "user.py"  # the little that PostgreSQL's programs need
SQL = re.compile(r"\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w|DELETE\s+FROM\s|WITH\s+\w)")
CLOCK = re.compile(r"((datetime|dt|date)\.)?(datetime|dt|date)\.(now|utcnow|today)|time\.(time|time_ns)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def area(path: Path) -> str:
    """The first folder under the package, or the file's own name where it lies directly in it."""
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def knows_everyone(where: str) -> bool:
    return where in ("app", "commands", "__main__") or where.startswith("cli")


def may_ask_the_time(where: str) -> bool:
    return where in ("infra", "sim", "commands") or where.startswith("cli")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> frozenset[str]:
    """Everything imported, in full: `from a import b` gives `a` and `a.b`. Relative imports keep their dot."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def areas_imported(path: Path) -> set[str]:
    parts = {imported.split(".")[1] for imported in imports(path) if imported.startswith("cabstand.")}
    return {part for part in parts if (SRC / part).is_dir() or (SRC / f"{part}.py").is_file()}


def third_party(path: Path) -> set[str]:
    return {imported.split(".")[0] for imported in imports(path)} - sys.stdlib_module_names - {"cabstand"}


def literals(path: Path) -> Iterator[str]:
    """Every string in it but docstrings, the pieces of f-strings included."""
    bare = {id(node.value) for node in ast.walk(tree(path)) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value


def attributes(path: Path) -> Iterator[ast.Attribute]:
    """Every `a.b` in it, but for what is handed whole to `Settings.from_env`."""
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    handed = {id(arg) for call in calls if ast.unparse(call.func) == "Settings.from_env" for arg in call.args}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and id(node) not in handed:
            yield node


def used_names(path: Path) -> set[str]:
    """Dotted names as they are written, and what is imported by name."""
    return {ast.unparse(node) for node in attributes(path)} | imports(path)


def each(paths: list[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """One test that holds every file to the rule and names all that break it: one for each file takes too long."""
    assert paths

    def held(rule: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            wrong = []
            for path in paths:
                try:
                    rule(path)
                except AssertionError as broken:
                    wrong.append(f"{name(path)}: {broken}")
            if wrong:
                pytest.fail("\n\n".join(wrong), pytrace=False)

        return test

    return held


def test_every_area_has_its_rule() -> None:
    areas = {area(path) for path in OURS}
    missing = {where for where in areas if where not in MAY_IMPORT and not knows_everyone(where)}
    assert not missing, "say in MAY_IMPORT what it may import"


@each(OURS)
def test_imports_are_written_in_full(path: Path) -> None:
    assert not {imported for imported in imports(path) if imported.startswith(".")}


@each([path for path in OURS if not knows_everyone(area(path))])
def test_imports_point_inward(path: Path) -> None:
    assert areas_imported(path) - MAY_IMPORT[area(path)] == set()


@each([path for path in OURS if area(path) in INSIDE])
def test_nothing_inside_knows_the_program_around_it(path: Path) -> None:
    assert areas_imported(path) <= INSIDE


@each([path for path in OURS if area(path) == "doors" and path.parent != SRC / "doors"])
def test_a_door_never_imports_another_door(path: Path) -> None:
    doors = {folder.name for folder in (SRC / "doors").iterdir() if folder.is_dir()}
    found = {imported.split(".")[2] for imported in imports(path) if imported.startswith("cabstand.doors.")}
    assert found & doors <= {path.relative_to(SRC / "doors").parts[0]}


@each([path for path in OURS if area(path) == "core"])
def test_the_core_uses_only_the_libraries_it_may(path: Path) -> None:
    assert third_party(path) - CORE_THIRD_PARTY == set()


@each([path for path in OURS if path.name == "model.py"])
def test_a_model_uses_no_library(path: Path) -> None:
    assert third_party(path) == set()


@each([path for path in OURS if path.stem in ROLES and area(path) in ("core", "doors")])
def test_a_file_imports_only_what_its_role_may(path: Path) -> None:
    kept_out = {imported for imported in imports(path) if ROLES[path.stem] & set(imported.split("."))}
    assert kept_out == set()


@each(
    [path for path in OURS if area(path) != "infra" and path.name not in ("store.py", "statements.py", "documents.py")]
)
def test_sql_stands_only_in_stores_and_infra(path: Path) -> None:
    assert [text for text in literals(path) if SQL.match(text)] == []


@each([path for path in OURS if path not in (SRC / "settings.py", HANDS_ON_THE_ENVIRONMENT)])
def test_only_the_settings_read_the_environment(path: Path) -> None:
    assert imports(path) & ENVIRONMENT == set()
    assert [ast.unparse(node) for node in attributes(path) if ast.unparse(node) in ENVIRONMENT] == []


@each([path for path in OURS if path != SRC / "core" / "clock.py" and not may_ask_the_time(area(path))])
def test_time_is_an_argument(path: Path) -> None:
    assert {used for used in used_names(path) if CLOCK.fullmatch(used)} == set()


@each(EVERY)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree(path))


@each(EVERY)
def test_it_stays_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400, "split by subject"
    functions = [n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {n.name: lines for n in functions if (lines := (n.end_lineno or 0) - n.lineno + 1) > 60}
    assert long == {}, "split it"


@pytest.mark.parametrize(
    "folder",
    sorted(path for path in (SRC / "doors").iterdir() if path.is_dir() and path.name != "__pycache__"),
    ids=lambda folder: folder.name,
)
def test_every_door_has_the_same_inside(folder: Path) -> None:
    """A role is a file, or a package of that name where one file would be too long."""
    assert EVERY_DOOR_HAS - {path.stem for path in folder.iterdir()} == set()
