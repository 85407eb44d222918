from rest_framework.routers import SimpleRouter

from campaigns.api.viewsets import CampaignShareViewSet, CampaignViewSet, SignUpFormViewSet

router = SimpleRouter()
router.register("campaigns", CampaignViewSet, basename="campaign")
router.register("sign-up-forms", SignUpFormViewSet, basename="sign-up-form")

urlpatterns = [*router.urls, *CampaignShareViewSet.urls("campaigns", "campaign")]
