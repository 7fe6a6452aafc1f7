import signal
import subprocess
import sys
from pathlib import Path

import requests

ROOT = Path(__file__).parents[3]


def test_main_as_a_process_answers_and_ends_on_sigterm(tmp_path):
    state = tmp_path / "simulator.sqlite"
    process = subprocess.Popen(
        [sys.executable, "-m", "providers.simulator", "--port", "0", "--state", str(state)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = process.stdout.readline().split()[-1]
        assert requests.get(f"{url}/health", timeout=10).json() == {"status": "ok"}
        taken = subprocess.run(
            [sys.executable, "-m", "providers.simulator", "--port", url.rpartition(":")[2]],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert taken.returncode == 1
        assert "can not listen" in taken.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()
    assert state.exists()
