from rest_framework.routers import SimpleRouter

from campaigns.api.viewsets import CampaignShareViewSet, CampaignViewSet

router = SimpleRouter()
router.register("campaigns", CampaignViewSet, basename="campaign")

urlpatterns = [*router.urls, *CampaignShareViewSet.urls("campaigns", "campaign")]
