"""The script that continuous integration runs: what it installs on a bare machine, and what it runs at the end."""

import shutil
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[1] / ".ci" / "run"


def run_with(commands: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script where only these commands (name → body of a shell script) and the shell's own tools exist."""
    bash = shutil.which("bash")
    assert bash is not None
    for name, body in commands.items():
        (folder / name).write_text(f"#!{bash}\n{body}\n")
        (folder / name).chmod(0o755)
    for name in ("bash", "dirname", "cp"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return subprocess.run([bash, RUN], env={"PATH": str(folder)}, capture_output=True, text=True, timeout=60)


def test_it_can_be_executed() -> None:
    assert RUN.stat().st_mode & 0o111 == 0o111


def test_where_python_and_make_are_there_nothing_is_installed(tmp_path: Path) -> None:
    done = run_with({"python3": f'exec {sys.executable} "$@"', "make": 'echo "make $*"', "id": "echo 0"}, tmp_path)
    assert (done.returncode, done.stdout) == (0, "make check test\n")


def test_on_a_bare_debian_python_and_make_are_installed_first(tmp_path: Path) -> None:
    apt = 'echo "apt-get $*"; cp "${0%/*}/packaged-make" "${0%/*}/make"'
    bare = {"python3": "exit 127", "python3.13": "exit 127", "id": "echo 0"}
    done = run_with({**bare, "apt-get": apt, "packaged-make": 'echo "make $*"'}, tmp_path)
    assert done.stdout.splitlines() == [
        "apt-get update",
        "apt-get install -y --no-install-recommends python3 python3-venv make",
        "make check test",
    ]


def test_where_it_may_not_install_it_says_what_is_missing(tmp_path: Path) -> None:
    done = run_with({"id": "echo 1000", "apt-get": "echo installed"}, tmp_path)
    assert done.returncode == 1
    assert "python3 python3-venv make" in done.stderr
    assert done.stdout == ""


def test_a_failed_check_fails_the_run(tmp_path: Path) -> None:
    done = run_with({"python3": f'exec {sys.executable} "$@"', "make": "exit 2"}, tmp_path)
    assert done.returncode == 2
