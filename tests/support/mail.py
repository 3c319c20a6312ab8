"""A mail server for tests: a real SMTP conversation on a port of this machine, which can refuse, hang and fail."""

import asyncio
import base64
import contextlib
import email
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default


@dataclass(frozen=True)
class Received:
    """A mail that came in whole, also one that was refused then."""

    sender: str
    recipient: str
    user: str | None
    encrypted: bool
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        found = email.message_from_bytes(self.raw, policy=default)
        assert isinstance(found, EmailMessage)
        return found

    def part(self, kind: str) -> str:
        """The body as `plain` or `html`."""
        body = self.message.get_body((kind,))
        assert body is not None
        return str(body.get_content())


@dataclass
class MailServer:
    """What came in, in order. `answers`: what is said to a verb in place of the usual; `hangs_at`: then nothing is."""

    port: int = 0
    tls: ssl.SSLContext | None = None  # then STARTTLS is offered
    account: tuple[str, str] | None = None  # who may send
    answers: dict[str, str] = field(default_factory=dict)  # by verb; `END` is the end of a mail
    hangs_at: str = ""
    mails: list[Received] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    conversations: int = 0
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    talking: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?from=Cabstand%20%3Crides@example.org%3E"

    async def wait_for(self, number: int, seconds: float = 10) -> None:
        """Until so many mails have come."""
        async with asyncio.timeout(seconds):
            while len(self.mails) < number:
                self.arrived.clear()
                await self.arrived.wait()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.conversations += 1
        task = asyncio.current_task()
        assert task is not None, "asyncio calls this in one"
        self.talking.add(task)
        try:
            await _Conversation(self, reader, writer).hold()
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            return  # the other side went away
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


class _Conversation:
    def __init__(self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.user: str | None = None
        self.encrypted = False
        self.sender = self.recipient = ""

    async def say(self, text: str) -> None:
        self.writer.write(text.encode() + b"\r\n")
        await self.writer.drain()

    async def hold(self) -> None:
        await self.answer("HELLO", "220 here")
        while line := (await self.reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            if verb == "QUIT":
                await self.say("221 bye")
                return
            await self.answer(verb, await self.usual(verb, line))
            if verb == "STARTTLS":
                await self.writer.start_tls(self.server.tls or ssl.create_default_context())
                self.encrypted = True
            if verb == "DATA" and "DATA" not in self.server.answers:
                raw = await self.reader.readuntil(b"\r\n.\r\n")
                taken = Received(
                    self.sender, self.recipient, self.user, self.encrypted, raw[:-3].replace(b"\r\n..", b"\r\n.")
                )
                self.server.mails.append(taken)
                self.server.arrived.set()
                await self.answer("END", "250 taken")

    async def answer(self, verb: str, usual: str) -> None:
        if self.server.hangs_at == verb:
            await self.server.closing.wait()
            raise ConnectionAbortedError
        await self.say(self.server.answers.get(verb, usual))

    async def usual(self, verb: str, line: str) -> str:
        match verb:
            case "EHLO":
                offered = ["here", "AUTH PLAIN"]
                if self.server.tls is not None and not self.encrypted:
                    offered.append("STARTTLS")
                return "\r\n".join([*(f"250-{each}" for each in offered), "250 8BITMIME"])
            case "STARTTLS":
                return "220 go on"
            case "AUTH":
                _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
                self.user = user
                return "235 welcome" if (user, password) == self.server.account else "535 no"
            case "MAIL":
                if self.server.account is not None and self.user is None:
                    return "530 who are you?"
                self.sender = line.partition("<")[2].partition(">")[0]
            case "RCPT":
                self.recipient = line.partition("<")[2].partition(">")[0]
            case "DATA":
                return "354 go on"
        return "250 fine"


@contextlib.asynccontextmanager
async def mail_server(
    *, tls: ssl.SSLContext | None = None, account: tuple[str, str] | None = None
) -> AsyncIterator[MailServer]:
    """A mail server on a free port of this machine."""
    server = MailServer(tls=tls, account=account)
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        server.closing.set()
        if server.talking:
            await asyncio.wait(server.talking)
