from rest_framework.routers import SimpleRouter

from delivery.api import domains, viewsets

router = SimpleRouter()
router.register("mailboxes", viewsets.MailboxViewSet, basename="mailbox")
router.register("domains", domains.SendingDomainViewSet, basename="sending-domain")
router.register("messages", viewsets.MessageViewSet, basename="message")

urlpatterns = router.urls
