from core.exceptions import DomainError, InvalidInput


class CampaignError(DomainError):
    """The state of the campaign forbids this."""

    code = "campaign_state"


class StaleCampaignError(CampaignError):
    """Somebody else has changed the draft since it was read; the message says what."""

    code = "stale"


class InvalidCampaign(InvalidInput):
    """The campaign can't be as it was given."""


class NotReadyError(CampaignError):
    """The pre-flight check is missing, found errors, or its warnings were not confirmed.

    `code` is check_required, check_failed or warnings_unconfirmed; `fields["findings"]` holds what was found.
    """

    code = "check_failed"
