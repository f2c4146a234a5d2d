"""One request: sent, sent again where that may help, read, or given up with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from joyul.endpoint.address import OFFICIAL, OWN_KEY, PATH, Address
from joyul.endpoint.pace import Pace, backoff, retry_after
from joyul.endpoint.reply import Failure, essence
from joyul.errors import BaseModelError, JoyulError, RunError, UsageError
from joyul.messages import words

if TYPE_CHECKING:
    import httpx2

ATTEMPTS = 5  # of a request that times out, is cut off, or answered by 500 or by what is no answer
REACHING = 3  # of a server that does not take the connection
CONNECTING = 10.0  # seconds
PATIENCE = 600.0  # seconds that a request waits because the server is busy
AGAIN = (408, 409, 425, 500, 502, 503, 504, 520, 522, 524, 529)
BUSY, UNPAID, NO_KEY, FORBIDDEN = 429, 402, 401, 403
ELSEWHERE = (404, 405)
REJECTED = (400, 422)
QUOTA = "insufficient_quota"


class Client:
    """Speaks to one endpoint; its methods may be called from several threads."""

    def __init__(self, address: Address, timeout: float, pace: Pace) -> None:
        self.address, self.pace, self._timeout = address, pace, timeout
        self._http = connect(address, timeout)
        self._answered = False

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def models(self) -> list[str]:
        """The models that the endpoint lists; empty where it lists none. Raises JoyulError where it cannot be reached."""
        import httpx2

        for attempt in range(1, REACHING + 1):
            try:
                response = self._http.get(f"{self.address.url}/models")
                break
            except httpx2.TransportError as error:
                self._unreached(error, attempt)
        if response.status_code == NO_KEY:
            raise self._refusal(response)
        try:
            return [str(model["id"]) for model in response.json()["data"]] if response.status_code == 200 else []
        except (ValueError, KeyError, TypeError):
            return []

    def complete(self, request: Mapping[str, Any]) -> dict[str, Any] | Failure:
        """The essence of the answer, or why there is none. Raises JoyulError where no other request would fare better."""
        problem, attempt, unreached, waited = "", 0, 0, 0.0
        import httpx2

        while attempt < ATTEMPTS:
            self.pace.turn()
            try:
                response = self._http.post(self.address.url + PATH, json={"model": self.address.model, **request})
            except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
                unreached += 1
                self._unreached(error, unreached)
                continue
            except httpx2.TransportError as error:
                late = isinstance(error, httpx2.TimeoutException)
                problem = words("endpoint_timeout", seconds=f"{self._timeout:g}") if late else words("endpoint_cut", reason=error)
            else:
                found = self._read(response)
                if not isinstance(found, str):
                    return found
                problem = found
                if response.status_code == BUSY:
                    waited += self._hold(response, waited, problem)
                    continue
                self._later(response, problem)
            attempt += 1
            if attempt < ATTEMPTS:
                self.pace.wait(backoff(attempt))
        return Failure(words("endpoint_gave_up", count=ATTEMPTS, reason=problem))

    def _read(self, response: httpx2.Response) -> dict[str, Any] | Failure | str:
        """An answer, a failure that no second try would mend, or in words what a second try may mend."""
        status = response.status_code
        if status == 200:
            try:
                found = essence(response.json())
            except ValueError:
                return words("endpoint_malformed", found=response.text[:80])
            self._answered = True
            return found
        said = words("endpoint_status", status=status, reason=_reason(response))
        if status in (NO_KEY, UNPAID) or QUOTA in _code(response):
            raise self._refusal(response)
        if status == BUSY or status in AGAIN:
            return said
        if not self._answered and (status in (FORBIDDEN, *ELSEWHERE) or status < 400):
            raise self._refusal(response)
        return Failure(said, rejected=status in REJECTED)

    def _later(self, response: httpx2.Response, problem: str) -> None:
        """Where the server says when to come back, everybody waits so long."""
        asked = retry_after(response.headers)
        if asked is not None:
            self._check_patience(asked, problem)
            self.pace.pause(asked)

    def _hold(self, response: httpx2.Response, waited: float, problem: str) -> float:
        """Too many requests: nobody asks for a while. How long."""
        asked = retry_after(response.headers)
        seconds = asked if asked is not None else backoff(1 + int(waited))
        self._check_patience(waited + seconds, problem)
        self.pace.pause(seconds)
        return max(seconds, 0.01)

    def _check_patience(self, seconds: float, problem: str) -> None:
        if seconds > PATIENCE:
            raise RunError("endpoint_later", host=self.address.host, seconds=f"{seconds:.0f}", reason=problem)

    def _unreached(self, error: Exception, attempt: int) -> None:
        """Wait a moment for a server that does not take the connection. Raises BaseModelError the third time."""
        if attempt >= REACHING:
            reason = str(error) or type(error).__name__
            raise BaseModelError("endpoint_down", url=self.address.url, reason=reason) from error
        self.pace.wait(backoff(attempt))

    def _refusal(self, response: httpx2.Response) -> JoyulError:
        """What no request of this kind will get past."""
        status, reason, host = response.status_code, _reason(response), self.address.host
        if status in ELSEWHERE or status < 400:
            model, url = self.address.model, self.address.url
            hint = "" if url.endswith("/v1") else words("endpoint_try_v1", url=f"{url}/v1")
            return BaseModelError("endpoint_not_there", url=url, model=model, status=status, reason=reason, hint=hint)
        if status in (NO_KEY, FORBIDDEN):
            variable = "OPENAI_API_KEY" if self.address.url == OFFICIAL else OWN_KEY
            return UsageError("endpoint_key_refused", host=host, status=status, reason=reason, variable=variable)
        return RunError("endpoint_unpaid", host=host, reason=reason)


def connect(address: Address, timeout: float) -> httpx2.Client:
    """A pool of connections; no proxy stands before this machine's own servers. Raises UsageError where httpx2 is missing."""
    try:
        import httpx2
    except ImportError as error:
        raise UsageError("endpoint_needs_httpx") from error
    key = address.key()
    return httpx2.Client(
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=httpx2.Timeout(timeout, connect=min(timeout, CONNECTING)),
        limits=httpx2.Limits(max_connections=None), trust_env=not address.local,
        verify=address.url.startswith("https:"),  # reading the certificates takes its time, and nothing is followed to https
    )  # fmt: skip


def _reason(response: httpx2.Response) -> str:
    """The server's own words, in one line."""
    try:
        error = response.json()["error"]
        said = error["message"] if isinstance(error, Mapping) else error
    except (ValueError, KeyError, TypeError):
        said = response.text
    return " ".join(str(said).split())[:200] or response.reason_phrase


def _code(response: httpx2.Response) -> str:
    try:
        error = response.json()["error"]
        return f"{error.get('code')} {error.get('type')}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
