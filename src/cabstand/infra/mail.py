"""Mails, handed to a mail server by SMTP."""

import contextlib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

import aiosmtplib

from cabstand.core.messages.model import MailServer
from cabstand.infra.messages import SECONDS, Outgoing, Trouble

_POLICY: Final = SMTP.clone(cte_type="7bit")  # a server need not know 8BITMIME then
_QUIT_SECONDS: Final = 2.0


def written(message: Outgoing, server: MailServer) -> EmailMessage:
    """The mail as it is sent. Raises ValueError for an address that is none, and for a subject of several lines."""
    mail = EmailMessage(policy=_POLICY)
    domain = server.sender.rpartition("@")[2]
    try:
        mail["From"] = Address(display_name=server.sender_name, addr_spec=server.sender)
        mail["To"] = Address(addr_spec=message.recipient)
        mail["Subject"] = message.subject or ""
        mail["Date"] = message.created_at
        mail["Message-ID"] = f"<{message.key}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # so that no out-of-office notes come back
        mail.set_content(message.text)
        if message.html is not None:
            mail.add_alternative(message.html, subtype="html")
    except (MessageError, LookupError) as error:
        raise ValueError(str(error)) from error
    return mail


class MailSender:
    """Hands mails to one server, over a connection for each. `tls` is for tests: whom to trust."""

    def __init__(self, server: MailServer, *, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        encrypts = server.tls or server.start_tls is not False
        self._tls = tls or (ssl.create_default_context() if encrypts else None)  # once: it reads files

    async def send(self, message: Outgoing) -> Trouble | None:
        """Hand one mail in. What the server refuses for good is not tried again."""
        if not message.recipient.isascii() or not message.recipient.isprintable():
            return Trouble(error="the address has characters that mail servers do not take", final=True)
        try:
            mail = written(message, self._server).as_bytes()
        except ValueError as error:
            return Trouble(error=f"not a mail that can be sent: {error}", final=True)
        client = self._client()
        try:
            await client.connect()
            await client.sendmail(self._server.sender, [message.recipient], mail)
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):  # it has been taken
                await client.quit(timeout=_QUIT_SECONDS)
        except (aiosmtplib.SMTPException, OSError) as error:
            return _trouble(error)
        finally:
            client.close()
        return None

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.tls,
            start_tls=server.start_tls,
            tls_context=self._tls,
            local_hostname=server.sender.rpartition("@")[2],  # or the name service is asked, and all wait
            timeout=SECONDS,
        )


def _trouble(error: Exception) -> Trouble:
    """A server's refusal of this recipient or this mail is final; its others may be over tomorrow."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            first = error.recipients[0]
            return Trouble(error=f"the recipient was refused: {first.code} {first.message}", final=first.code >= 500)
        case aiosmtplib.SMTPDataError():
            return Trouble(error=f"the mail was refused: {error.code} {error.message}", final=error.code >= 500)
        case aiosmtplib.SMTPAuthenticationError():
            return Trouble(error=f"the mail server refused user and password: {error.code}")
        case aiosmtplib.SMTPResponseException():
            return Trouble(error=f"the mail server answered {error.code} {error.message}")
        case aiosmtplib.SMTPTimeoutError() | TimeoutError():
            return Trouble(error="the mail server did not answer in time")
        case ssl.SSLCertVerificationError():
            return Trouble(error="the mail server's certificate could not be verified")
        case aiosmtplib.SMTPServerDisconnected():
            return Trouble(error="the mail server closed the connection")
        case aiosmtplib.SMTPException() if not isinstance(error, aiosmtplib.SMTPConnectError):
            return Trouble(error="the mail server does not offer STARTTLS, or no way to sign in")
    return Trouble(error="the mail server could not be reached")
