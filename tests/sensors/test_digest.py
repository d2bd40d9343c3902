"""The daily digest: what it says, and that it reaches the webhook and the mail server."""

import socketserver
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import dagster as dg
import polars as pl
import pytest

from assets.gold.digest import digest_of
from assets.runs.clock import Clock
from assets.tables import CUSTOMER_DAYS, PRODUCT_SALES_DAILY
from resources.lake import Lake
from resources.mail import MailError, MailServer
from resources.webhook import post_text
from sensors.digest_schedule import DIGEST, DigestPost, digest_schedule
from sensors.notices import Pager
from tests.resources.webhook_receiver import Receiver
from tests.resources.webhook_receiver import receiver as receiver

DAY = date(2026, 11, 26)
NOW = datetime(2026, 11, 27, 6, 15, tzinfo=UTC)
TEXT = """\
Revenue: 30.00 (+50% on the same weekday a week before)
Units: 3 (+50% on the same weekday a week before)
Orders: 2 (+0% on the same weekday a week before)
Buyers: 2 (+100% on the same weekday a week before)
Average order: 15.00 (+50% on the same weekday a week before)
1. 7 here b: 20.00
2. 8: 10.00
https://sales.shop.example/?span=week"""


@dataclass
class Mailbox:
    """A mail server of this machine without TLS. `refuses` is a receiver that it does not know."""

    mails: list[EmailMessage] = field(default_factory=list)
    refuses: str | None = None
    port: int = 0


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 mail\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = list(iter(self.rfile.readline, b".\r\n"))
                    found = message_from_bytes(b"".join(lines), policy=default)
                    assert isinstance(found, EmailMessage)
                    box.mails.append(found)
                is_refused = word == b"RCPT" and box.refuses is not None and box.refuses.encode() in line
                if word == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                self.wfile.write(b"550 nobody\r\n" if is_refused else b"250 fine\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        box.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield box
        server.shutdown()


def mail_to(box: Mailbox, login: str = "") -> MailServer:
    return MailServer(
        f"smtp://{login}127.0.0.1:{box.port}", "shop@shop.example", ["ann@shop.example", "rob@shop.example"]
    )


@pytest.fixture
def sales(lake: Lake) -> Lake:
    """Three units on the day, two a week before."""
    products = [(7, "<here> b", 2, "20.00", DAY), (8, None, 1, "10.00", DAY), (7, "b", 2, "20.00", DAY - timedelta(7))]
    names = ["product_id", "brand", "units", "revenue", "event_date"]
    sold = [{**dict(zip(names, row, strict=True)), "revenue": Decimal(row[3])} for row in products]
    lake.table(PRODUCT_SALES_DAILY).append(pl.DataFrame(sold, schema=PRODUCT_SALES_DAILY.schema), {})
    buyers = [(1, 1, 2, "20.00", DAY), (2, 1, 1, "10.00", DAY), (1, 2, 2, "20.00", DAY - timedelta(7))]
    names = ["user_id", "orders", "units", "revenue", "event_date"]
    bought = [{**dict(zip(names, row, strict=True)), "revenue": Decimal(row[3])} for row in buyers]
    lake.table(CUSTOMER_DAYS).append(pl.DataFrame(bought, schema=CUSTOMER_DAYS.schema), {})
    return lake


def send(
    lake: Lake, pager: Pager, mail: MailServer | None, tags: Mapping[str, str] | None = None, now: datetime = NOW
) -> dg.ExecuteInProcessResult:
    post = DigestPost(mail, "https://sales.shop.example/")
    resources = {"lake": lake, "clock": Clock(lambda: now), "pager": pager, "digest_post": post}
    return DIGEST.execute_in_process(resources=resources, raise_on_error=False, tags=dict(tags or {}))


def test_the_digest_of_yesterday_reaches_the_webhook_and_with_a_picture_the_mail_server(
    sales: Lake, receiver: Receiver, mailbox: Mailbox
) -> None:
    assert send(sales, Pager(lambda text: post_text(receiver.url, text)), mail_to(mailbox)).success

    assert receiver.told == [f"Sales of Thursday, 26 November 2026 (UTC)\n{TEXT}"]
    (mail,) = mailbox.mails
    assert (mail["Subject"], mail["To"]) == (
        "Sales of Thursday, 26 November 2026 (UTC)",
        "ann@shop.example, rob@shop.example",
    )
    text, picture = mail.iter_parts()
    assert text.get_content().replace("\r", "").strip() == TEXT
    assert picture.get_content().startswith(b"\x89PNG")


def test_what_the_webhook_refuses_is_mailed_and_the_run_fails(
    sales: Lake, receiver: Receiver, mailbox: Mailbox
) -> None:
    receiver.status = 500

    assert not send(sales, Pager(lambda text: post_text(receiver.url, text)), mail_to(mailbox)).success
    assert len(mailbox.mails) == 1


def test_a_day_without_sales_says_so_and_has_no_picture(lake: Lake) -> None:
    found = digest_of(lake, DAY, None)

    assert found.text.splitlines()[0] == "Revenue: 0.00 (nothing a week before)"
    assert found.picture is None


def test_a_password_is_not_sent_in_the_clear_and_a_refusal_names_no_secret(mailbox: Mailbox) -> None:
    with pytest.raises(MailError, match="offers no TLS"):
        mail_to(mailbox, "ann:secret@").send("s", "t")
    mailbox.refuses = "rob"
    with pytest.raises(MailError, match="check SALESINSIGHTS_MAIL_TO"):
        mail_to(mailbox).send("s", "t")
    with pytest.raises(MailError, match="was not taken") as away:
        MailServer("smtp://ann:secret@127.0.0.1:9", "a", ["b"]).send("s", "t")
    assert "secret" not in f"{away.value}{mail_to(mailbox, 'ann:secret@')}"


def due(pager: Pager, mail: MailServer | None) -> dg.RunRequest | dg.SkipReason:
    """What the schedule asks for on this morning."""
    resources = {"pager": pager, "digest_post": DigestPost(mail, None)}
    found = digest_schedule(dg.build_schedule_context(resources=resources, scheduled_execution_time=NOW))
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found


def test_the_schedule_waits_for_somebody_to_send_it_to() -> None:
    assert isinstance(due(Pager(), None), dg.SkipReason)
    assert isinstance(due(Pager(print), None), dg.RunRequest)
    assert isinstance(due(Pager(), MailServer("smtp://mail", "a", ["b"])), dg.RunRequest)


def test_a_digest_that_is_sent_after_the_next_midnight_is_still_of_its_day(sales: Lake, receiver: Receiver) -> None:
    asked, pager = due(Pager(print), None), Pager(lambda text: post_text(receiver.url, text))
    assert isinstance(asked, dg.RunRequest)

    assert send(sales, pager, None, asked.tags, NOW + timedelta(hours=18)).success

    assert receiver.told == [f"Sales of Thursday, 26 November 2026 (UTC)\n{TEXT}"]
