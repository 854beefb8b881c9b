"""How `ste` speaks to a running desk: over the services' `/internal`, with the operator's secret."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx2

from chassis.settings import SERVICES, Settings, service_of
from deploy.desk_file import DeskFile
from deploy.refusal import Exit, Refusal

HEADER = "X-Ste-Credential"
_PATIENCE = 30.0


class Away(Refusal):
    """A service does not answer, or not now: the same may be asked again."""


class Operator:
    """A client of all services. Every failure is a Refusal in words."""

    def __init__(self, urls: Mapping[str, str], credential: str, find: Callable[[], Mapping[str, str]] | None = None) -> None:
        """`urls` are by process: those of a service are "tickets", "tickets-2", and so on.

        `find` tells them again, once a service does not answer: a desk that was started anew has other ports. It may raise Refusal.
        """
        self.urls = dict(urls)
        self._find = find
        self._client = httpx2.Client(headers={HEADER: credential}, timeout=_PATIENCE, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return a client of the desk that runs with these settings. Raises Refusal when none does."""
        return cls(_urls(settings), _credential(settings), lambda: _urls(settings))

    @classmethod
    def of_nobody(cls, settings: Settings) -> Self:
        """Return a client without the secret, for what anybody on this machine may ask. Raises Refusal when no desk runs."""
        return cls(_urls(settings), "", lambda: _urls(settings))

    def get(self, service: str, path: str, **query: str | int) -> Any:
        """Return the JSON of a GET. Raises Refusal."""
        return self._ask(service, "GET", path, params={name: str(value) for name, value in query.items()})

    def post(self, service: str, path: str, body: Any = None, *, timeout: float | None = _PATIENCE) -> Any:
        """Return the JSON of a POST, None when there is none; `timeout` is in seconds, None for ever. Raises Refusal."""
        return self._ask(service, "POST", path, json=body, timeout=timeout)

    def try_get(self, service: str, path: str) -> tuple[int, Any]:
        """Return status and JSON of a GET, whatever the status; 0 and the reason when nobody answers."""
        return self.try_url(self.urls[service] + path)

    def try_url(self, url: str) -> tuple[int, Any]:
        """Return the same of any address on this machine."""
        try:
            answer = self._client.get(url, timeout=5.0)
        except httpx2.HTTPError as error:
            return 0, str(error) or type(error).__name__
        return answer.status_code, _json(answer)

    def _ask(self, service: str, method: str, path: str, **rest: Any) -> Any:
        try:
            answer = self._request(service, method, path, **rest)
        except httpx2.TimeoutException:
            raise Away(f"{service} did not answer in time.", "ste doctor says how it is.") from None
        except UnicodeEncodeError:
            raise Refusal("What was given is not UTF-8 text, and cannot be sent.") from None
        except httpx2.TransportError as error:
            asked = self.urls[service]
            self._look_again()  # for whoever asks once more
            raise Away(f"{service} does not answer at {asked}: {error}.", "ste doctor says how it is.") from None
        if answer.is_success:
            return _json(answer)
        raise (Away if answer.status_code == 503 else Refusal)(_refused(service, answer))

    def _look_again(self) -> None:
        """Find out where the services are by now; while no desk runs, they stay where they were."""
        if self._find is not None:
            with suppress(Refusal):
                self.urls = dict(self._find())

    def _request(self, service: str, method: str, path: str, **rest: Any) -> httpx2.Response:
        """Ask the first process of a service, and where nobody listens the next."""
        *others, last = [url for process, url in self.urls.items() if service_of(process) == service]
        for url in others:
            with suppress(httpx2.ConnectError):
                return self._client.request(method, url + path, **rest)
        return self._client.request(method, last + path, **rest)


def _json(answer: httpx2.Response) -> Any:
    try:
        return answer.json() if answer.content else None
    except json.JSONDecodeError:
        return None


def _refused(service: str, answer: httpx2.Response) -> str:
    problem = _json(answer) or {}
    said = problem.get("detail") or problem.get("title") or answer.reason_phrase
    fields = [f"{'.'.join(map(str, error['loc'][1:]))}: {error['msg']}" for error in problem.get("errors", ())]
    return f"{service} refused ({answer.status_code}): {' '.join([said, '; '.join(fields)]).strip()}"


def _urls(settings: Settings) -> dict[str, str]:
    """Return where the services are: as the local runner wrote, by process, or, where others run them, as was set. Raises Refusal."""
    desk = DeskFile.read(settings.data_dir)
    if desk is not None:
        return {name: f"http://127.0.0.1:{port}" for name, port in desk.ports.items() if service_of(name) in SERVICES}
    if {f"{name}_url" for name in SERVICES} & settings.model_fields_set:
        return {name: settings.url_of(name) for name in SERVICES}
    raise Refusal(
        f"No desk is running on {settings.data_dir}.", "Start it with make run, or name its directory with STE_DATA_DIR.", Exit.NOT_RUNNING
    )


def _credential(settings: Settings) -> str:
    path = settings.secrets_dir / "operator"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        raise Refusal(
            f"The operator's secret {path} is missing.", "Put it back from the backup, or start the desk again: it is made anew."
        ) from None
    except OSError as error:
        raise Refusal(f"The operator's secret {path} cannot be read: {error.strerror}.", "Run ste as the desk's own account.") from None
