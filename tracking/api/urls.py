from rest_framework.routers import SimpleRouter

from tracking.api.viewsets import EventViewSet

router = SimpleRouter()
router.register("events", EventViewSet, basename="event")

urlpatterns = router.urls
