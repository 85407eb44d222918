from rest_framework.routers import SimpleRouter

from sequences.api.viewsets import EnrolmentViewSet, SequenceViewSet

router = SimpleRouter()
router.register("sequences", SequenceViewSet, basename="sequence")
router.register("enrolments", EnrolmentViewSet, basename="enrolment")

urlpatterns = router.urls
