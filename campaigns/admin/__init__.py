"""Django admin: a whole campaign can be built, checked, tested, scheduled and launched here, by the same services."""

from campaigns.admin.campaigns import CampaignAdmin
from campaigns.admin.checks import CheckAdmin
from campaigns.admin.triggers import ArrivalAdmin, HoldoutGroupAdmin, SignUpAdmin, SignUpFormAdmin, TriggerAdmin

__all__ = [
    "ArrivalAdmin",
    "CampaignAdmin",
    "CheckAdmin",
    "HoldoutGroupAdmin",
    "SignUpAdmin",
    "SignUpFormAdmin",
    "TriggerAdmin",
]
