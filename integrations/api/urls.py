from rest_framework.routers import SimpleRouter

from integrations.api.viewsets import ActivityViewSet, EventSourceViewSet, WebhookViewSet

router = SimpleRouter()
router.register("activities", ActivityViewSet, basename="activity")
router.register("event-sources", EventSourceViewSet, basename="event-source")
router.register("webhooks", WebhookViewSet, basename="webhook")

urlpatterns = router.urls
