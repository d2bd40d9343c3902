"""Sends a mail with a picture through a mail server.

Add here: how a mail is sent. Not here: when, and what it says (`sensors.digest_schedule`).
"""

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit


class MailError(RuntimeError):
    """The mail was not taken; the error does not name the server's address, which may hold a password."""


@dataclass(frozen=True)
class MailServer:
    """`smtp://USER:PASSWORD@HOST:PORT`, or `smtps://`, and who sends to whom."""

    url: str = field(repr=False)
    sender: str
    receivers: Sequence[str]

    def send(self, subject: str, text: str, picture: bytes | None = None, timeout: float = 30) -> None:
        """Send a text, and a PNG below it. With `smtp`, TLS is used if the server offers it.

        Raises MailError if the server does not take the mail for all receivers, or would take a password in the clear.
        """
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = subject, self.sender, ", ".join(self.receivers)
        mail.set_content(text)
        if picture is not None:
            mail.add_attachment(picture, maintype="image", subtype="png", filename="top-products.png")
        try:
            with self._connected(timeout) as server:
                left_out = server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise MailError(
                f"the mail was not taken ({type(error).__name__}): check SALESINSIGHTS_MAIL_SERVER"
            ) from None
        if left_out:
            raise MailError("the mail server refuses a receiver: check SALESINSIGHTS_MAIL_TO")

    def _connected(self, timeout: float) -> smtplib.SMTP:
        place, trusted = urlsplit(self.url), ssl.create_default_context()
        host, is_tls = place.hostname or "", place.scheme == "smtps"
        if is_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, place.port or 465, timeout=timeout, context=trusted)
        else:
            server = smtplib.SMTP(host, place.port or 587, timeout=timeout)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=trusted)
                is_tls = True
        if place.username:
            if not is_tls:
                server.close()
                raise MailError("the mail server offers no TLS, and a password is set: use smtps://, or leave it out")
            server.login(unquote(place.username), unquote(place.password or ""))
        return server
