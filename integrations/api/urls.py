from rest_framework.routers import SimpleRouter

from integrations.api.viewsets import ActivityViewSet

router = SimpleRouter()
router.register("activities", ActivityViewSet, basename="activity")

urlpatterns = router.urls
