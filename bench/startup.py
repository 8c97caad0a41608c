"""Starts servers of both kinds in turn: time to the ready line, resident memory a second later. Run by bench/startup.ts."""

import pathlib
import sys
import time
from statistics import median

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
from support import servers  # noqa: E402

TURNS = 3


def resident(pid):
    """Megabytes of a process, where the system tells."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def installed():
    import tensorflow

    folder = pathlib.Path(tensorflow.__file__).parent
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def start(kind):
    begun = time.monotonic()
    with kind() as server:
        ready = time.monotonic() - begun
        time.sleep(1)
        return ready * 1000, resident(server.process.pid)


def main():
    results = {"real": [], "ours": []}
    for _ in range(TURNS):
        results["real"].append(start(servers.real))
        results["ours"].append(start(servers.ours))
    print(f"{'':8}{'ready line':>12}{'idle memory':>14}")
    for name, turns in results.items():
        milliseconds, megabytes = (median(values) for values in zip(*turns))
        print(f"{name:8}{milliseconds:9.0f} ms{megabytes:11.0f} MB")
    print(f"{'goal':8}{300:9} ms{120:11} MB; TensorFlow's package installed: {installed():.0f} MB")


if __name__ == "__main__":
    main()
