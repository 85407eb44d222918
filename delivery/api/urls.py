from rest_framework.routers import SimpleRouter

from delivery.api import viewsets

router = SimpleRouter()
router.register("mailboxes", viewsets.MailboxViewSet, basename="mailbox")
router.register("messages", viewsets.MessageViewSet, basename="message")

urlpatterns = router.urls
