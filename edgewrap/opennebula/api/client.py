"""A small typed wrapper over pyone: its answers as XML elements and numbers, its failures as our errors.

pyone's bindings drop attributes of an address range that they do not know, and write what they do not like of an answer
to standard error. So the XML is parsed here, before pyone sees it. Its own transport has no time-outs, so it gets
another one, which tests can replace.

Reads are repeated while a front-end restarts; a write that may have reached it is never sent again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import reduce
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers.expat import ParserCreate
from xmlrpc.client import ResponseError, Unmarshaller

from edgewrap import poll
from edgewrap.change import PlaneName
from edgewrap.errors import EdgewrapError, FrontEndUnreachableError
from edgewrap.events import Emit, Event, EventKind, discard
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.api.errors import translate
from edgewrap.opennebula.api.retry import FIRST_PAUSE_S, LONGEST_PAUSE_S, PATIENCE_S, may_be_done, may_repeat, reads
from edgewrap.opennebula.api.transport import HttpWire, Wire
from edgewrap.opennebula.kinds.template import Template, write
from edgewrap.opennebula.kinds.values import wrong_answer

SHORTEST_PAUSE_S = 0.1

Argument = int | str | bool | Template


class FrontEnd:
    """One front-end, as one user; safe from several threads at once. `wire` carries the calls; without one they go to
    `endpoint` over HTTP. `emit` gets an event if a call waits for the front-end, at most `patience_s` seconds.

    Every call raises AuthenticationError, AuthorizationError, FrontEndUnreachableError, InUseError, NameTakenError,
    NoSuchObjectError or OpenNebulaError.
    """

    def __init__(
        self,
        endpoint: str,
        session: Session,
        *,
        wire: Wire | None = None,
        emit: Emit = discard,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.endpoint = endpoint
        self.user = session.user
        self.writes = 0  # calls that changed something, or may have
        self._session = session
        self._wire = wire or HttpWire(endpoint)
        self._emit = emit
        self._patience_s = patience_s
        self._answered = False
        self._stopped = False
        self._awaited = False
        self._guard = threading.Lock()  # of `writes` and `_awaited`
        self._server: Any = None

    def read(self, method: str, *arguments: Argument, root: str) -> Element:
        """Call `one.METHOD`, which returns XML: its root element, which must be a `root`."""
        answer = self._call(method, arguments)
        if not isinstance(answer, Element):  # a number or a word: XML-RPC, but not OpenNebula's
            raise translate(ResponseError(), method, self.endpoint, self.user)
        if answer.tag != root:
            raise wrong_answer(f"one.{method}", answer.tag, f"a {root} was expected")
        return answer

    def call(self, method: str, *arguments: Argument) -> int | str:
        """Call `one.METHOD`, which returns a number (the object's id) or a word. Templates are written as text."""
        answer = self._call(method, arguments)
        if not isinstance(answer, int | str):
            raise wrong_answer(f"one.{method}", answer, "a number or a word was expected")
        return answer

    def allocate(self, method: str, *arguments: Argument) -> int:
        """Call `one.METHOD`, which creates an object: its id."""
        answer = self.call(method, *arguments)
        if type(answer) is not int or answer < 0:
            raise wrong_answer(f"one.{method}", answer, "the id of the new object was expected")
        return answer

    def stop(self) -> None:
        """Send no more calls: each one raises KeyboardInterrupt instead."""
        self._stopped = True

    def pause(self, seconds: float) -> None:
        """Wait before the next call: at least 0.1 s."""
        time.sleep(max(seconds, SHORTEST_PAUSE_S))

    def _call(self, method: str, arguments: tuple[Argument, ...]) -> Any:
        written = [write(argument) if isinstance(argument, Mapping) else argument for argument in arguments]
        if self._server is None:
            self._server = _server(self.endpoint, self._session, self._wire)
        call = reduce(getattr, method.split("."), self._server)
        patience_s = self._patience_s if self._answered else 0
        waiting = False

        def attempt(waited_s: float) -> tuple[Any] | None:
            nonlocal waiting
            if self._stopped:
                raise KeyboardInterrupt
            try:
                answer = call(*written)
            except Exception as error:
                if waited_s >= patience_s or not may_repeat(error, method):
                    raise
                if self._first_to(awaited=True):
                    what = translate(error, method, self.endpoint, self.user).what
                    self._tell(EventKind.WARNING, f"{what}: waiting up to {patience_s:.0f} s for it")
                waiting = True
                return None
            if waiting and self._first_to(awaited=False):
                self._tell(EventKind.INFO, f"{self.endpoint} answers again after {waited_s:.0f} s")
            return (answer,)

        try:
            found = poll.until(
                attempt, patience_s, pause_s=FIRST_PAUSE_S, longest_pause_s=LONGEST_PAUSE_S, sleep=self.pause
            )
        except EdgewrapError:
            raise
        except Exception as error:
            failure = translate(error, method, self.endpoint, self.user)
            self._answered |= not isinstance(failure, FrontEndUnreachableError)
            if not may_be_done(error, method):
                raise failure from error
            self._count_write()
            raise FrontEndUnreachableError(
                f"{failure.what}; one.{method} may have been done",
                cause=failure.cause,
                advice=f"{failure.advice}; the next run reads the front-end first, so nothing is done twice",
            ) from error
        if not reads(method):
            self._count_write()
        self._answered = True
        return found[0] if found else None  # the last attempt returns or raises

    def _count_write(self) -> None:
        with self._guard:
            self.writes += 1

    def _first_to(self, *, awaited: bool) -> bool:
        """Whether no other call has noticed yet that the front-end is away, or back: only the first one reports it."""
        with self._guard:
            changed, self._awaited = self._awaited != awaited, awaited
        return changed

    def _tell(self, kind: EventKind, text: str) -> None:
        self._emit(Event(kind, PlaneName.OPENNEBULA, "front-end", text))


def _server(endpoint: str, session: Session, wire: Wire) -> Any:
    """pyone's server, its calls carried by `wire`."""
    import pyone

    def request(_host: str, _handler: str, body: bytes, **_options: object) -> Any:
        unmarshaller: Any = Unmarshaller()
        unmarshaller.xml(None, None)
        parser = ParserCreate()
        parser.buffer_text = True  # else each `&lt;` of a pool's XML is a call of its own
        parser.StartElementHandler, parser.EndElementHandler = unmarshaller.start, unmarshaller.end
        parser.CharacterDataHandler = unmarshaller.data
        parser.Parse(wire.post(body), True)
        answer: Any = unmarshaller.close()
        done, value, *rest = answer[0]
        if done and isinstance(value, str) and value.startswith("<"):
            value = ElementTree.fromstring(value)  # noqa: S314  expat expands no bombs and no external entities
        return ([done, value, *rest],)

    server: Any = pyone.OneServer(endpoint, session.secret, protocol="xmlrpc")
    server("transport").request = request
    return server
