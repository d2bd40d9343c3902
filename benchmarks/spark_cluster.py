"""A standalone Apache Spark cluster on this machine, whose workers have the release from a wheel, and what it costs.

Add here: how it is started, killed and measured. Not here: what it works on (`spark`).
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from salesinsights_dagster.demo import free_port
from tests.resources.spark import connect_options

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
EXECUTOR = "CoarseGrainedExecutorBackend"


def python_of_wheel(folder: Path) -> Path:
    """A Python that has SalesInsights from a wheel, and all other packages from this one."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels, environment = folder / "wheels", folder / "environment"
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(ROOT)]
    subprocess.run([*pip, *build], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    (here,) = {path for path in sys.path if path.endswith("site-packages")}
    (site / "packages.pth").write_text(here + "\n")
    return environment / "bin" / "python"


@dataclass
class Cluster:
    """A master and its workers; each worker has one core and 2 GB."""

    folder: Path
    python: Path
    port: int = field(default_factory=lambda: free_port(0))
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def master(self) -> str:
        return f"spark://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a driver needs to know."""
        return {
            "PYSPARK_PYTHON": str(self.python),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_LOCAL_DIRS": str(self.folder / "local"),
        }

    def start(self, workers: int) -> None:
        """Start a master and so many workers."""
        self._launch("master.Master", "--host", HOST, "--port", str(self.port), "--webui-port", "0")
        _until(lambda: _listens(self.port))
        for number in range(workers):
            self._launch(
                *("worker.Worker", "--cores", "1", "--memory", "2g", "--webui-port", "0"),
                *("--work-dir", str(self.folder / f"worker-{number}"), self.master),
            )

    def connected(self) -> str:
        """The address of a Spark Connect server, started now, whose tasks these workers carry out."""
        port = free_port(0)
        self._launch("SparkSubmit", *connect_options(self.master, port))
        _until(lambda: _listens(port))
        return f"sc://{HOST}:{port}"

    def _launch(self, part: str, *arguments: str) -> None:
        import pyspark

        home = Path(pyspark.__file__).parent
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{part}", *arguments]
        with (self.folder / "cluster.log").open("ab") as log:
            environment = {**os.environ, **self.environment, "SPARK_HOME": str(home)}
            started = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self.folder)
        self._running.append(started)

    def stop(self) -> None:
        """End all of it: what was started last first."""
        for process in reversed(self._running):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()
        self._running.clear()

    def executors(self) -> list[psutil.Process]:
        """The executors that run now."""
        found = []
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if any(EXECUTOR in word for word in process.cmdline()):
                    found.append(process)
        return found


@contextmanager
def cluster(folder: Path, python: Path, workers: int) -> Iterator[Cluster]:
    """A cluster with so many workers, until the end of the block."""
    folder.mkdir(exist_ok=True)
    running = Cluster(folder, python)
    try:
        running.start(workers)
        yield running
    finally:
        running.stop()


@contextmanager
def killing(running: Cluster, seed: int, within: float) -> Iterator[list[float]]:
    """Kill an executor at a random moment of the `within` seconds after it began; yields when, once it has."""
    done, ended, chance = list[float](), threading.Event(), random.Random(seed)

    def kill() -> None:
        while not ended.wait(0.1):
            if executors := running.executors():
                moment = chance.uniform(0, within)
                ended.wait(moment)
                with suppress(psutil.Error):
                    chance.choice(running.executors() or executors).kill()
                    done.append(moment)
                return

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


class Meter:
    """CPU seconds and peak memory of the processes below this one, from samples: the last half second is lost."""

    def __init__(self) -> None:
        self._cpu: dict[tuple[int, float], float] = {}
        self._peak: dict[str, int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._ended.wait(0.5):
            self.look()

    def look(self) -> None:
        """Take a sample."""
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error), process.oneshot():
                used, kind = process.cpu_times(), "java" if process.name() == "java" else "python"
                self._cpu[process.pid, process.create_time()] = used.user + used.system
                self._peak[kind] = max(self._peak.get(kind, 0), process.memory_info().rss)

    def stop(self) -> None:
        """End sampling."""
        self._ended.set()
        self._thread.join()

    @contextmanager
    def spent(self) -> Iterator[dict[str, float]]:
        """What the block cost, once it has ended: `wall s`, `CPU s`, the peak `MB` of a Python and of a Java."""
        self.look()
        before, begun, cost = sum(self._cpu.values()), time.perf_counter(), dict[str, float]()
        self._peak.clear()
        yield cost
        cost["wall s"] = round(time.perf_counter() - begun, 1)
        self.look()
        cost["CPU s"] = round(sum(self._cpu.values()) - before, 1)
        cost |= {f"{kind} MB": round(peak / 1e6) for kind, peak in self._peak.items()}


def _listens(port: int) -> bool:
    return any(one.laddr.port == port for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN)


def _until(is_done: object, seconds: float = 120) -> None:
    ends = time.monotonic() + seconds
    while not is_done():  # type: ignore[operator]
        if time.monotonic() > ends:
            raise RuntimeError("a part of the cluster does not listen")
        time.sleep(0.2)
