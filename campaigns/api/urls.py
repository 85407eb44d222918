from rest_framework.routers import SimpleRouter

from campaigns.api.experiments import ExperimentViewSet
from campaigns.api.viewsets import CampaignShareViewSet, CampaignViewSet, SignUpFormViewSet

router = SimpleRouter()
router.register("campaigns", CampaignViewSet, basename="campaign")
router.register("experiments", ExperimentViewSet, basename="experiment")
router.register("sign-up-forms", SignUpFormViewSet, basename="sign-up-form")

urlpatterns = [*router.urls, *CampaignShareViewSet.urls("campaigns", "campaign")]
