from rest_framework.routers import SimpleRouter

from contacts.api import viewsets

router = SimpleRouter()
router.register("contacts", viewsets.ContactViewSet, basename="contact")
router.register("contact-fields", viewsets.ContactFieldViewSet, basename="contact-field")
router.register("lists", viewsets.ListViewSet, basename="list")
router.register("segments", viewsets.SegmentViewSet, basename="segment")
router.register("imports", viewsets.ImportViewSet, basename="import")
router.register("suppressions", viewsets.SuppressionViewSet, basename="suppression")

urlpatterns = router.urls
