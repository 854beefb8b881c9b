"""`with Load(desk, history) as load:` people are at work until the end of the block, and everything they ask for is in the history."""

import random
import threading
from types import TracebackType
from typing import Self

from tests.faults.callers import PATIENCE, Caller
from tests.faults.history import History
from tests.faults.workers import Board, Worker
from tests.faults.workload import Admin, Clerk, Customer, Listener, Newcomer, PolicyMaker
from tests.support.desk import Desk
from tests.support.waiting import eventually

CUSTOMERS, ADMINS = ("usera", "userb", "userc"), ("admina", "adminb")
LISTENING = "userb"


class Load:
    """Every client process has its own dice, thrown from the history's seed and its name."""

    def __init__(self, desk: Desk, history: History, *, pace: float = 1.0) -> None:
        """`pace` stretches the pauses between two things that somebody does."""
        self.history, self._desk, self._pace = history, desk, pace
        self._end = threading.Event()
        self._crashed: list[BaseException] = []
        self.board = Board()
        history.listen(LISTENING)
        self.listener = Listener(LISTENING, desk.client(LISTENING), self._caller(LISTENING, "#ear"))
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), name=worker.caller.name) for worker in (*self._customers(), *self._others())
        ]
        self._threads.append(threading.Thread(target=self._listen, name="listener"))

    def _caller(self, person: str | None, hand: str = "") -> Caller:
        return Caller(f"{person or 'newcomer'}{hand}", self._desk.client(person), self.history)

    def _dice(self, name: str) -> random.Random:
        return random.Random(f"{self.history.seed} {name}")

    def _customers(self) -> list[Worker]:
        return [Customer(self._caller(name), self._caller(name, "#2"), self.board, self._dice(name)) for name in CUSTOMERS]

    def _others(self) -> list[Worker]:
        ids = [self._desk.client(name).get("/api/auth/me").json()["id"] for name in ADMINS]
        handling: list[Worker] = [
            Admin(self._caller(name), self.board, self._dice(name), part=(index, len(ADMINS)), admins=ids)
            for index, name in enumerate(ADMINS)
        ]
        return [
            *handling,
            Newcomer(self._caller(None), self.board, self._dice("newcomer")),
            PolicyMaker(self._caller("admina", "#policies"), self.board, self._dice("policies")),
            Clerk(self._caller("adminb", "#jobs"), self.board, self._dice("jobs")),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(PATIENCE + 30)
        if self._crashed and error is None:
            raise self._crashed[0]
        assert not any(thread.is_alive() for thread in self._threads), "somebody waits for an answer for ever"

    @property
    def acknowledged(self) -> int:
        return self.history.acknowledged

    def go_on(self, count: int = 10, within: float = 60.0) -> None:
        """Return when `count` more operations were acknowledged."""
        before = self.acknowledged
        eventually(lambda: self.acknowledged >= before + count, within=within, what="progress of the people at work")

    def _work(self, worker: Worker) -> None:
        try:
            while not self._end.is_set():
                worker.turn()
                self._end.wait(worker.dice.uniform(*worker.pause) * self._pace)
        except BaseException as error:  # noqa: BLE001 -- raised again by whoever ends the load
            self._crashed.append(error)

    def _listen(self) -> None:
        while not self._end.is_set():
            self.listener.turn()
            self._end.wait(0.05)
