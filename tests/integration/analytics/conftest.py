import pytest

from tests.factories.analytics import SentCampaign, have_it_read, make_sent_campaign
from tests.plugins.mail import SmtpSink


@pytest.fixture
def sent(db: None, smtp_sink: SmtpSink) -> SentCampaign:
    return make_sent_campaign(smtp_sink)


@pytest.fixture
def read(sent: SentCampaign) -> SentCampaign:
    have_it_read(sent)
    return sent
