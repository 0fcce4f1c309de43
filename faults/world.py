"""The drill's processes: a queue behind a proxy, Patrol's roles, those outside; started again when they die."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from faults.acting import act
from faults.clocks import MovedClock, compiler
from faults.figures import ACCEPT_S, ESCALATION, FEEDBACK_S, MOBILISE_S, REMIND_EVERY_S, RINGS
from faults.proxy import Proxy
from faults.queues import Standby, free_port, queue_command
from patrol.pipeline.steps import VARIABLE

ROLES = ("relay", "dispatch", "console")
PATROLS = (*ROLES, "generator")  # the generator is the end of the tour
OUTSIDE = ("generator", "vendor", "terminals", "operators")
KILLED = (*ROLES, "generator", "vendor", "terminals")
ON_THE_WAY = ("relay", "queue", "vendor")  # from the store to the vendor's console
RESTART_S = 0.3
UP_WITHIN_S = 120.0
LOOK_S = 0.05
CAMERAS, UNITS = 400, 60


def configuration() -> dict[str, Any]:
    """Simulated cameras and units, so that orders flow as they do for real ones."""
    rings = tuple(RINGS)
    whole = [[0, 0], [1, 0], [1, 1], [0, 1]]
    return {
        "station": {"name": "演练所", "name_en": "Drill", "at": [35.4908, 112.8518]},
        "rings": {
            ring: {"revisit_bound_s": bound_s, "response_target_s": target_s, "accept_within_s": ACCEPT_S}
            for ring, (bound_s, target_s) in RINGS.items()
        },
        "rules": {"crowd": {"kind": "crowd", "name": "人群聚集", "name_en": "crowd", "at_least": 5}},
        "levels": {"by_kind": {}, "otherwise": "blue"},
        "dispatch": {
            "escalation": {
                level: [{"step": step, "after_s": after_s} for step, after_s in steps]
                for level, steps in ESCALATION.items()
            },
            "feedback_within_s": dict.fromkeys(ESCALATION, FEEDBACK_S),
            "remind_every_s": dict.fromkeys(ESCALATION, REMIND_EVERY_S),
        },
        # Cameras stand a metre apart, and alerts come from one after the other: a few of them are one incident.
        "merging": {"families": {"crowd": {"within_m": 4, "same_site_m": 4, "within_s": 30}}},
        "units": [
            {
                "id": f"U-{number}",
                "name": f"巡逻{number}组",
                "name_en": f"Crew {number}",
                "kind": "joint_patrol",
                "rings": list(rings),
                "home": [35.4908, 112.8518 + number / 10_000],
                "speed_m_s": 5,
                "mobilise_s": MOBILISE_S,
                "simulated": True,
            }
            for number in range(UNITS)
        ],
        "cameras": [
            {
                "id": f"C-{number}",
                "name": f"点位{number}",
                "ring": rings[number % 3],
                "at": [35.4908 + number / 100_000, 112.8518],
                "heading_deg": 0,
                "view_deg": 90,
                "stream": "synthetic:",
                "shared_view": True,
                "zones": [{"id": "all", "name": "全景", "name_en": "all", "rules": ["crowd"], "polygon": whole}],
            }
            for number in range(CAMERAS)
        ],
    }


class World:
    """Everything that runs. ``look_after`` starts again what has died; call it often.

    ``kills``: processes that ended by SIGKILL. ``wrong``: what a fault itself saw that must not be, each in words.
    ``died``: when each did so. ``died_at``: how often at a named step. ``ended``: who ended otherwise, and how.
    ``counted``: what faults say of themselves, so that one that did nothing is seen.
    """

    def __init__(self, folder: Path, rate: float, fsync: str) -> None:
        self.folder = folder
        self.fsync = fsync
        self.redis_port, self.console_port = free_port(), free_port()
        self.kills: Counter[str] = Counter()
        self.died: defaultdict[str, list[float]] = defaultdict(list)
        self.died_at: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._dead_since: dict[str, float] = {}
        self._extra: dict[str, dict[str, str]] = {}
        self._dies_at: dict[str, str] = {}
        self._altered: dict[str, str] = {}
        self._full: dict[str, int] = {}
        self.queue_folder = folder / "queue"
        self.queue_folder.mkdir(parents=True)
        (folder / "patrol.yaml").write_text(json.dumps(configuration(), ensure_ascii=False))
        self.proxy = Proxy(self.redis_port)
        self.standby: Standby | None = None
        self.database = folder / "patrol.db"
        self._environment = os.environ | {
            "REDIS_URL": f"redis://127.0.0.1:{self.proxy.port}/0",
            "DATABASE_URL": f"sqlite:///{self.database}",
            "PATROL_CONSOLE": f"http://127.0.0.1:{self.console_port}",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        self.clock = MovedClock(folder, with_) if (with_ := compiler()) else None
        self._commands = {"queue": queue_command(self.redis_port, self.queue_folder, fsync)}
        for role in ROLES:
            self._commands[role] = self._patrol(role, self.console_port if role == "console" else 0)
            self._commands[f"second {role}"] = self._patrol(role, 0)
        self._commands["generator"] = ["faults.generator", str(folder), str(rate)]
        for name, part in (("vendor", "console"), ("terminals", "terminals")):
            self._commands[name] = ["faults.reader", str(folder), part]
        self._commands["operators"] = ["faults.operators", str(folder)]

    def _patrol(self, role: str, port: int) -> list[str]:
        where = ["--config", str(self.folder / "patrol.yaml"), "--var", str(self.folder / "var")]
        return ["patrol", "run", "--role", role, "--port", str(port), *where]

    def start(self) -> None:
        """Start all of it, the queue first. Raises TimeoutError."""
        self._start("queue")
        self.queue_up()
        for name in (*ROLES, *OUTSIDE):
            self._start(name)

    def _start(self, name: str) -> None:
        command = self._commands[name]
        if name not in ("queue", "standby"):  # modules of Python
            altered = self._altered.get(name)
            command = [sys.executable, "-m", *(("faults.altered", altered) if altered else ()), *command]
        extra = self._extra.pop(name, {})
        if VARIABLE in extra:
            self._dies_at[name] = extra[VARIABLE].partition(":")[0]
        environment = self._environment | extra
        if self.clock is not None and name.removeprefix("second ") in PATROLS:
            environment |= self.clock.environment
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                # SIGXFSZ stays ignored, as it is here: a write that finds no room is refused, as on a full disk.
                restore_signals=False,
            )
        if name in self._full:
            self._limit(name)

    def look_after(self) -> None:
        """Start again what has died a moment ago."""
        for name, process in list(self._processes.items()):
            if process.poll() is None:
                self._dead_since.pop(name, None)
            elif name not in self._dead_since:
                self._dead_since[name] = time.monotonic()
                if process.returncode == -signal.SIGKILL:
                    self._count_kill(name)
                    if (step := self._dies_at.pop(name, None)) is not None:
                        self.died_at[step] += 1
                else:
                    self.ended[f"{name} ({process.returncode})"] += 1
            elif process.returncode == 0:
                continue  # it is done
            elif time.monotonic() - self._dead_since[name] > RESTART_S:
                self._dead_since.pop(name)
                self._start(name)

    def _count_kill(self, name: str) -> None:
        self.kills[name] += 1
        self.died[name].append(time.monotonic())

    @property
    def killed_on_the_way(self) -> list[float]:
        """When those died that an alert passes, in order."""
        return sorted(at for name in ON_THE_WAY for at in self.died[name])

    def let_pass(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Look after everything for so long, or until something holds; returns whether it does."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            self.look_after()
            if until():
                return True
            time.sleep(LOOK_S)
        return until()

    def kill(self, name: str) -> None:
        """kill -9."""
        self._dies_at.pop(name, None)
        self._processes[name].kill()

    def die_at(self, name: str, step: str, time_passed: int = 2) -> None:
        """kill -9 now, and again when it passes a step for the second time, or another."""
        self._extra[name] = {VARIABLE: f"{step}:{time_passed}"}
        self.kill(name)

    def is_to_die(self, name: str) -> bool:
        """Whether it has not come to the step yet at which it is to."""
        return name in self._extra or name in self._dies_at

    def alter(self, name: str, how: str | None) -> None:
        """kill -9, and another version of it is started instead; None: the usual one."""
        if how is None:
            self._altered.pop(name, None)
        else:
            self._altered[name] = how
        self.kill(name)

    def is_altered(self, name: str) -> bool:
        """Whether another version of it runs, or will."""
        return name in self._altered

    def start_second(self, role: str) -> None:
        """One more process of a role, beside the first."""
        self._start(f"second {role}")

    def end_second(self, role: str) -> None:
        """kill -9 of the second one, for good."""
        self._end(f"second {role}")

    def _end(self, name: str) -> None:
        process = self._processes.pop(name)
        self._dead_since.pop(name, None)
        process.kill()
        process.wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Stop it, or let it go on."""
        with contextlib.suppress(ProcessLookupError):
            self._processes[name].send_signal(number)

    def save_queue(self) -> None:
        """Copy the queue's files as they are now, for ``restore_queue``."""
        shutil.copytree(self.queue_folder, self.folder / "old-queue")

    def restore_queue(self) -> None:
        """kill -9 the queue, and let it start on the files that were saved."""
        self.kill("queue")
        self._processes["queue"].wait()
        shutil.rmtree(self.queue_folder)
        shutil.copytree(self.folder / "old-queue", self.queue_folder)

    def start_standby(self) -> None:
        """A replica of the queue behind a link of its own, with all that its master has. Raises TimeoutError."""
        standby = Standby(self.folder, self.redis_port)
        self._commands["standby"] = queue_command(
            standby.port, standby.folder, self.fsync, replica_of=standby.link.port
        )
        self._start("standby")
        self.standby = standby
        if not self.let_pass(UP_WITHIN_S, standby.follows):
            raise TimeoutError("the replica does not follow the queue")

    def fail_over(self) -> int:
        """kill -9 the queue; its replica is the queue from now on. Returns how many entries only the dead one had."""
        standby, self.standby = self.standby, None
        assert standby is not None
        with self.queue() as queue:
            missing = standby.misses(queue)
        self._end("queue")
        self._count_kill("queue")
        shutil.rmtree(self.queue_folder)
        self._processes["queue"] = self._processes.pop("standby")
        self.redis_port, self.queue_folder = standby.port, standby.folder
        self._commands["queue"] = queue_command(self.redis_port, self.queue_folder, self.fsync)
        standby.promote()
        self.proxy.to_port = self.redis_port
        self.proxy.reset()
        return missing

    def back_up(self) -> None:
        """A backup of the database, made while everybody works, as SQLite makes one."""

        def make() -> None:
            now, backup = sqlite3.connect(self.database, timeout=5), sqlite3.connect(self.folder / "backup.db")
            with contextlib.closing(now), contextlib.closing(backup):
                now.backup(backup)

        making = threading.Thread(target=make)
        making.start()
        self.let_pass(UP_WITHIN_S, lambda: not making.is_alive())
        making.join()

    def put_back(self) -> None:
        """kill -9 of all that use the database, and the backup is there instead when they start again."""
        users = [name for name in self._processes if name.removeprefix("second ") in PATROLS]
        for name in users:
            self.kill(name)
        for name in users:
            self._processes[name].wait()
        for file in self.folder.glob(f"{self.database.name}*"):
            file.unlink()
        (self.folder / "backup.db").rename(self.database)

    def restorations(self) -> int:
        """How often the store was brought up to date after a backup; -1 while nobody can say."""
        return self._ask_database("SELECT count(*) FROM restorations")

    def is_behind(self) -> bool:
        """Whether it was noticed that the store is an older one, and that still holds everybody up."""
        return self._ask_database("SELECT count(*) FROM behind") > 0

    def _ask_database(self, query: str) -> int:
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)) as asked:
                return int(asked.execute(query).fetchone()[0])
        except sqlite3.OperationalError:
            return -1

    def fill_disk(self, names: tuple[str, ...], size: int) -> None:
        """None of these may make a file larger, also when it is started again: as on a full disk."""
        self._full = dict.fromkeys(names, size)
        for name in names:
            self._limit(name)

    def empty_disk(self) -> None:
        """There is room again."""
        full, self._full = self._full, {}
        for name in full:
            self._limit(name)

    def _limit(self, name: str) -> None:
        size = self._full.get(name, resource.RLIM_INFINITY)
        with contextlib.suppress(ProcessLookupError, OSError):
            resource.prlimit(self._processes[name].pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def ask_console(self, path: str) -> str | None:
        """What the console serves; None while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.console_port}{path}", timeout=3) as answer:
                return str(answer.read().decode())
        except (OSError, http.client.HTTPException):
            return None

    def tell_console(self, path: str, **what: str) -> int | None:
        """As an operator does. Returns its HTTP status; None where it did not answer."""
        return act(self._environment["PATROL_CONSOLE"], path, what, "drill")

    def queue(self) -> Redis:
        """Straight to the queue, not through the proxy."""
        return Redis(port=self.redis_port, socket_timeout=3, decode_responses=True)

    def queue_up(self) -> None:
        """Wait until the queue answers. Raises TimeoutError."""
        give_up_at = time.monotonic() + UP_WITHIN_S
        with self.queue() as queue:
            while True:
                with contextlib.suppress(RedisError, OSError):
                    queue.ping()
                    return
                if time.monotonic() > give_up_at:
                    raise TimeoutError("the queue does not answer")
                time.sleep(0.05)

    def end(self) -> None:
        """End all of it, by their ids."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        self.proxy.close()
        if self.clock is not None:
            self.clock.close()
        if self.standby is not None:
            self.standby.link.close()
