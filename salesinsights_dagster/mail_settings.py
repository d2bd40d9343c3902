"""The settings of mail: through which server, from whom, to whom.

Add here: a setting of mail. Not here: other settings (`settings`), or how a mail is sent (`resources.mail`).
"""

from pydantic import Field
from pydantic_settings import BaseSettings

from resources.mail import MailServer
from salesinsights_dagster import setting_types as kinds


class MailSettings(BaseSettings):
    """The part of `Settings` that says who gets mail."""

    model_config = kinds.FROM_ENVIRONMENT

    mail_server: kinds.MailAddress | None = Field(
        None,
        repr=False,
        description="through which the [daily digest](alerts.md#the-daily-digest) is mailed: "
        "`smtp://USER:PASSWORD@HOST:587`, or `smtps://`",
    )
    mail_from: str | None = Field(None, description="who sends it")
    mail_to: kinds.NameList = Field((), description="who gets it, separated by commas")

    @property
    def mail(self) -> MailServer | None:
        """The server with both ends; None if no mail is sent."""
        if self.mail_server is None or self.mail_from is None:
            return None
        return MailServer(self.mail_server, self.mail_from, self.mail_to)


def wrong_mail(settings: MailSettings) -> str | None:
    """What is wrong with the settings of mail together, with the remedy; None if nothing is."""
    if settings.mail_server is not None and not (settings.mail_from and settings.mail_to):
        return "SALESINSIGHTS_MAIL_SERVER is set: set SALESINSIGHTS_MAIL_FROM and SALESINSIGHTS_MAIL_TO too"
    return None
