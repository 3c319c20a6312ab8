"""`cabstand demo` tells its stories to the end."""

import subprocess
import sys
from pathlib import Path


def test_every_story_of_the_demo_goes_well(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cabstand", "demo", "--data", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert done.stdout.count("✓") == 42
